// What the Highway kernels share, compiled once per target: vectors of at most 16 floats, and loads and stores of
// float32 or bfloat16 bits as float32.  Licence: Apache-2.0.
#include <hwy/highway.h>

#if defined(SPECULA_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SPECULA_VECTORS_INL_H
#undef SPECULA_VECTORS_INL_H
#else
#define SPECULA_VECTORS_INL_H
#endif

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::CappedTag<float, 16>;
using Vec = hn::Vec<F>;
using U32 = hn::RebindToUnsigned<F>;
using U16 = hn::Rebind<uint16_t, F>;
constexpr size_t kLanes = HWY_LANES(float);  // the targets in use have one vector length each

HWY_INLINE Vec load(const float* from) { return hn::LoadU(F(), from); }
HWY_INLINE Vec load(const uint16_t* from) {
  return hn::BitCast(F(), hn::ShiftLeft<16>(hn::PromoteTo(U32(), hn::LoadU(U16(), from))));
}

HWY_INLINE void store(Vec value, float* to) { hn::StoreU(value, F(), to); }
// Rounds to nearest, ties to even.
HWY_INLINE void store(Vec value, uint16_t* to) {
  const auto bits = hn::BitCast(U32(), value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(U32(), 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(U32(), 0x7fff)), odd));
  hn::StoreU(hn::DemoteTo(U16(), hn::BitCast(hn::RebindToSigned<U32>(), rounded)), U16(), to);
}

// The same rounding for one number.
HWY_INLINE uint16_t bfloat16_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#endif
