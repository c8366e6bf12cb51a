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

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace specula {
HWY_EXPORT(IsSound);
HWY_EXPORT(MaxLogit);
HWY_EXPORT(FirstOf);
HWY_EXPORT(Exponentials);

bool is_sound(const float* logits, int64_t n) { return HWY_DYNAMIC_DISPATCH(IsSound)(logits, static_cast<size_t>(n)); }
float max_logit(const float* logits, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(MaxLogit)(logits, static_cast<size_t>(n));
}

Token argmax(const float* p, int64_t vocab) {
  return static_cast<Token>(HWY_DYNAMIC_DISPATCH(FirstOf)(p, static_cast<size_t>(vocab), max_logit(p, vocab)));
}

void softmax(const float* logits, int64_t n, float* p) {
  HWY_DYNAMIC_DISPATCH(Exponentials)(logits, static_cast<size_t>(n), max_logit(logits, n), p);
  const auto scale = static_cast<float>(1 / total(p, n));
  for (int64_t i = 0; i < n; ++i) p[i] *= scale;
}
}  // namespace specula
#endif
