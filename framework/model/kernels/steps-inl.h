// The elements of a cache as attention multiplies them, compiled once per target: one float32 at a time, or a pair of
// bfloat16, the first of the pair first.  Licence: Apache-2.0.
#include "framework/model/kernels/vectors-inl.h"

#if defined(SPECULA_STEPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SPECULA_STEPS_INL_H
#undef SPECULA_STEPS_INL_H
#else
#define SPECULA_STEPS_INL_H
#endif

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

template <class T>
constexpr int64_t kStep = sizeof(T) == 2 ? 2 : 1;

// A vector of steps times the same step for all lanes, the first of a pair first.
struct FloatStep {
  Vec value;
  HWY_INLINE explicit FloatStep(const float* from) : value(hn::Set(F(), *from)) {}
  HWY_INLINE static FloatStep lanes(const float* from) { return FloatStep(load(from)); }
  HWY_INLINE Vec times(const FloatStep& other, Vec sum) const { return hn::MulAdd(value, other.value, sum); }

 private:
  HWY_INLINE explicit FloatStep(Vec lanes) : value(lanes) {}
};

struct PairStep {
  Vec first, second;
  HWY_INLINE explicit PairStep(const uint16_t* from) {
    uint32_t both;
    __builtin_memcpy(&both, from, sizeof both);
    split(hn::Set(U32(), both));
  }
  HWY_INLINE static PairStep lanes(const uint16_t* from) {
    return PairStep(hn::BitCast(U32(), load(reinterpret_cast<const float*>(from))));
  }
  HWY_INLINE Vec times(const PairStep& other, Vec sum) const {
    return hn::MulAdd(second, other.second, hn::MulAdd(first, other.first, sum));
  }

 private:
  HWY_INLINE explicit PairStep(hn::Vec<U32> both) { split(both); }
  HWY_INLINE void split(hn::Vec<U32> both) {
    first = hn::BitCast(F(), hn::ShiftLeft<16>(both));
    second = hn::BitCast(F(), hn::And(both, hn::Set(U32(), 0xffff0000u)));
  }
};

HWY_INLINE FloatStep broadcast(const float* from) { return FloatStep(from); }
HWY_INLINE PairStep broadcast(const uint16_t* from) { return PairStep(from); }
HWY_INLINE FloatStep lanes_of(const float* from) { return FloatStep::lanes(from); }
HWY_INLINE PairStep lanes_of(const uint16_t* from) { return PairStep::lanes(from); }

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#endif
