// The vectorised part of probability.h: one pass for the maximum, which also finds what is unsound, one for the
// exponentials and their sum.  Compiled for each instruction set by Highway and chosen at run time.
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

// The maximum, or NaN where there is NaN, +infinity or nothing finite.
float MaxLogit(const float* x, size_t n) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  float best = -std::numeric_limits<float>::infinity();
  auto m = hn::Set(d, best);
  auto all_numbers = hn::Eq(m, m);  // NaN equals nothing
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    all_numbers = hn::And(all_numbers, hn::Eq(v, v));
    m = hn::Max(m, v);
  }
  bool is_nan = !hn::AllTrue(d, all_numbers);
  best = hn::GetLane(hn::MaxOfLanes(d, m));
  for (; i < n; ++i) {
    is_nan = is_nan || x[i] != x[i];
    best = x[i] > best ? x[i] : best;
  }
  return is_nan || std::abs(best) > std::numeric_limits<float>::max() ? std::numeric_limits<float>::quiet_NaN() : best;
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

// y <- exp(x - shift); returns their sum, in double.  The tail goes through a full vector, so that an element's value
// does not depend on where it stands.
double Exponentials(const float* x, size_t n, float shift, float* y) {
  const hn::ScalableTag<float> d;
  const hn::Repartition<double, decltype(d)> wide;
  const hn::Rebind<float, decltype(wide)> half;
  const size_t lanes = hn::Lanes(d);
  const auto subtrahend = hn::Set(d, shift);
  auto low = hn::Zero(wide), high = hn::Zero(wide);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::Exp(d, hn::Sub(hn::LoadU(d, x + i), subtrahend)), d, y + i);
    low = hn::Add(low, hn::PromoteTo(wide, hn::LoadU(half, y + i)));
    if (lanes > 1) high = hn::Add(high, hn::PromoteTo(wide, hn::LoadU(half, y + i + lanes / 2)));
  }
  double sum = hn::GetLane(hn::SumOfLanes(wide, hn::Add(low, high)));
  if (i == n) return sum;
  HWY_ALIGN float tail[HWY_MAX_BYTES / sizeof(float)] = {};
  for (size_t j = 0; i + j < n; ++j) tail[j] = x[i + j];
  hn::StoreU(hn::Exp(d, hn::Sub(hn::LoadU(d, tail), subtrahend)), d, tail);
  for (size_t j = 0; i + j < n; ++j) sum += y[i + j] = tail[j];
  return sum;
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

// -sum of x ln x.  The logarithm is of a normal number, so that 0 ln 0 = 0 needs no mask.
double Entropy(const float* x, size_t n) {
  const hn::ScalableTag<float> d;
  const hn::Repartition<double, decltype(d)> wide;
  const hn::Rebind<float, decltype(wide)> half;
  const size_t lanes = hn::Lanes(d);
  const auto least = hn::Set(d, std::numeric_limits<float>::min());
  HWY_ALIGN float terms[HWY_MAX_BYTES / sizeof(float)] = {};
  auto low = hn::Zero(wide), high = hn::Zero(wide);
  const auto add = [&](const float* from) {
    const auto v = hn::LoadU(d, from);
    hn::Store(hn::Mul(v, hn::Log(d, hn::Max(v, least))), d, terms);
    low = hn::Add(low, hn::PromoteTo(wide, hn::LoadU(half, terms)));
    if (lanes > 1) high = hn::Add(high, hn::PromoteTo(wide, hn::LoadU(half, terms + lanes / 2)));
  };
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) add(x + i);
  if (i < n) {
    HWY_ALIGN float tail[HWY_MAX_BYTES / sizeof(float)] = {};
    for (size_t j = 0; i + j < n; ++j) tail[j] = x[i + j];
    add(tail);
  }
  return -hn::GetLane(hn::SumOfLanes(wide, hn::Add(low, high)));
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

double Excess(const float* p, const float* q, double scale, size_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, scale);
  auto left = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto taken = hn::Mul(factor, hn::PromoteTo(d, hn::LoadU(half, q + i)));
    left = hn::Add(left, hn::Max(hn::Sub(hn::PromoteTo(d, hn::LoadU(half, p + i)), taken), hn::Zero(d)));
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, left));
  for (; i < n; ++i) sum += p[i] > scale * q[i] ? p[i] - scale * q[i] : 0;
  return sum;
}

double Overlap(const float* p, const float* q, double scale, size_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, scale);
  auto both = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto scaled = hn::Mul(factor, hn::PromoteTo(d, hn::LoadU(half, p + i)));
    both = hn::Add(both, hn::Min(scaled, hn::PromoteTo(d, hn::LoadU(half, q + i))));
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, both));
  for (; i < n; ++i) sum += scale * p[i] < q[i] ? scale * p[i] : q[i];
  return sum;
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
HWY_EXPORT(MaxLogit);
HWY_EXPORT(FirstOf);
HWY_EXPORT(Exponentials);
HWY_EXPORT(SumFloats);
HWY_EXPORT(SumDoubles);
HWY_EXPORT(Subtract);
HWY_EXPORT(Excess);
HWY_EXPORT(Entropy);
HWY_EXPORT(Overlap);
HWY_EXPORT(Scale);

float max_logit(const float* logits, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(MaxLogit)(logits, static_cast<size_t>(n));
}

Token first_of(const float* x, int64_t n, float value) {
  return static_cast<Token>(HWY_DYNAMIC_DISPATCH(FirstOf)(x, static_cast<size_t>(n), value));
}

Token argmax(const float* p, int64_t vocab) { return first_of(p, vocab, max_logit(p, vocab)); }

double total(const float* p, int64_t n) { return HWY_DYNAMIC_DISPATCH(SumFloats)(p, static_cast<size_t>(n)); }
double total(const double* p, int64_t n) { return HWY_DYNAMIC_DISPATCH(SumDoubles)(p, static_cast<size_t>(n)); }

void subtract(const double* p, const float* q, double scale, int64_t n, double* left) {
  HWY_DYNAMIC_DISPATCH(Subtract)(p, q, scale, static_cast<size_t>(n), left);
}

double excess(const float* p, const float* q, double scale, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(Excess)(p, q, scale, static_cast<size_t>(n));
}

double entropy_of(const float* p, int64_t n) {
  return std::max(0.0, HWY_DYNAMIC_DISPATCH(Entropy)(p, static_cast<size_t>(n)));  // of one sure token 0, not -0
}

double overlap(const float* p, const float* q, double scale, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(Overlap)(p, q, scale, static_cast<size_t>(n));
}

bool softmax(const float* logits, int64_t n, float* p) {
  const float most = max_logit(logits, n);
  if (std::isnan(most)) return false;
  const double sum = HWY_DYNAMIC_DISPATCH(Exponentials)(logits, static_cast<size_t>(n), most, p);
  HWY_DYNAMIC_DISPATCH(Scale)(p, static_cast<size_t>(n), static_cast<float>(1 / sum));
  return true;
}
}  // namespace specula
#endif
