// The vectorised part of probability.h: one pass for soundness, one for the maximum, one for the exponentials. Compiled
// for each instruction set by Highway and chosen at run time.
#include "framework/decode/probability.h"
#include "framework/decode/sampler.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/decode/softmax.cpp"
#include <hwy/foreach_target.h>  // NOLINT: includes this file once per target
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

bool IsSound(const float* x, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto largest = hn::Set(d, std::numeric_limits<float>::max());
  const auto smallest = hn::Set(d, -std::numeric_limits<float>::max());
  auto all_below = hn::Eq(largest, largest);
  auto any_finite = hn::Ne(largest, largest);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    all_below = hn::And(all_below, hn::Le(v, largest));  // false for NaN and +infinity
    any_finite = hn::Or(any_finite, hn::Ge(v, smallest));
  }
  bool sound = hn::AllTrue(d, all_below), finite = !hn::AllFalse(d, any_finite);
  for (; i < n; ++i) {
    sound = sound && x[i] <= std::numeric_limits<float>::max();
    finite = finite || x[i] >= -std::numeric_limits<float>::max();
  }
  return sound && finite;
}

float MaxLogit(const float* x, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  float best = -std::numeric_limits<float>::infinity();
  auto m = hn::Set(d, best);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) m = hn::Max(m, hn::LoadU(d, x + i));
  best = hn::GetLane(hn::MaxOfLanes(d, m));
  for (; i < n; ++i) best = x[i] > best ? x[i] : best;
  return best;
}

// The lowest index that holds `value`; n if none does.
size_t FirstOf(const float* x, size_t n, float value) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto wanted = hn::Set(d, value);
  size_t i = 0;
  while (i + lanes <= n && hn::AllFalse(d, hn::Eq(hn::LoadU(d, x + i), wanted))) i += lanes;
  while (i < n && x[i] != value) ++i;
  return i;
}

// y <- exp(x - shift).  The tail goes through a full vector, so that an element's value does not depend on where it
// stands.
void Exponentials(const float* x, size_t n, float shift, float* y) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto subtrahend = hn::Set(d, shift);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Exp(d, hn::Sub(hn::LoadU(d, x + i), subtrahend)), d, y + i);
  if (i == n) return;
  HWY_ALIGN float tail[HWY_MAX_BYTES / sizeof(float)] = {};
  for (size_t j = 0; i + j < n; ++j) tail[j] = x[i + j];
  hn::StoreU(hn::Exp(d, hn::Sub(hn::LoadU(d, tail), subtrahend)), d, tail);
  for (size_t j = 0; i + j < n; ++j) y[i + j] = tail[j];
}

// Sums in double: eight or more partial sums in a fixed order.
double SumFloats(const float* x, size_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;  // as many floats as there are doubles in a vector
  const size_t lanes = hn::Lanes(d);
  auto first = hn::Zero(d), second = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    first = hn::Add(first, hn::PromoteTo(d, hn::LoadU(half, x + i)));
    second = hn::Add(second, hn::PromoteTo(d, hn::LoadU(half, x + i + lanes)));
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(first, second)));
  for (; i < n; ++i) sum += x[i];
  return sum;
}

double SumDoubles(const double* x, size_t n) {
  const hn::ScalableTag<double> d;
  const size_t lanes = hn::Lanes(d);
  auto first = hn::Zero(d), second = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    first = hn::Add(first, hn::LoadU(d, x + i));
    second = hn::Add(second, hn::LoadU(d, x + i + lanes));
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(first, second)));
  for (; i < n; ++i) sum += x[i];
  return sum;
}

// left <- (p - scale q)+
void Subtract(const double* p, const float* q, double scale, size_t n, double* left) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, scale);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto taken = hn::Mul(factor, hn::PromoteTo(d, hn::LoadU(half, q + i)));
    hn::StoreU(hn::Max(hn::Sub(hn::LoadU(d, p + i), taken), hn::Zero(d)), d, left + i);
  }
  for (; i < n; ++i) left[i] = p[i] > scale * q[i] ? p[i] - scale * q[i] : 0;
}

void Scale(float* x, size_t n, float factor) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto factors = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(hn::LoadU(d, x + i), factors), d, x + i);
  for (; i < n; ++i) x[i] *= factor;
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace specula {
HWY_EXPORT(IsSound);
HWY_EXPORT(MaxLogit);
HWY_EXPORT(FirstOf);
HWY_EXPORT(Exponentials);
HWY_EXPORT(SumFloats);
HWY_EXPORT(SumDoubles);
HWY_EXPORT(Subtract);
HWY_EXPORT(Scale);

bool is_sound(const float* logits, int64_t n) { return HWY_DYNAMIC_DISPATCH(IsSound)(logits, static_cast<size_t>(n)); }
float max_logit(const float* logits, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(MaxLogit)(logits, static_cast<size_t>(n));
}

Token argmax(const float* p, int64_t vocab) {
  return static_cast<Token>(HWY_DYNAMIC_DISPATCH(FirstOf)(p, static_cast<size_t>(vocab), max_logit(p, vocab)));
}

double total(const float* p, int64_t n) { return HWY_DYNAMIC_DISPATCH(SumFloats)(p, static_cast<size_t>(n)); }
double total(const double* p, int64_t n) { return HWY_DYNAMIC_DISPATCH(SumDoubles)(p, static_cast<size_t>(n)); }

void subtract(const double* p, const float* q, double scale, int64_t n, double* left) {
  HWY_DYNAMIC_DISPATCH(Subtract)(p, q, scale, static_cast<size_t>(n), left);
}

void softmax(const float* logits, int64_t n, float* p) {
  HWY_DYNAMIC_DISPATCH(Exponentials)(logits, static_cast<size_t>(n), max_logit(logits, n), p);
  HWY_DYNAMIC_DISPATCH(Scale)(p, static_cast<size_t>(n), static_cast<float>(1 / total(p, n)));
}
}  // namespace specula
#endif
