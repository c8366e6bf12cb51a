// The vectorised part of coupled_draw.h: Philox4x32-10 (keyring.cpp) for as many tokens as a vector holds, in lanes of
// 64 bits, and a bound in place of the logarithm.  Compiled for each instruction set by Highway and chosen at run time.
#include "framework/decode/race.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/decode/race.cpp"
#include <hwy/foreach_target.h>  // NOLINT: includes this file once per target
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR  // a lane cannot be seen as two halves there: everyone is a contender
size_t NextContender(const float* p, size_t from, size_t n, const RaceNoise& /*noise*/, double /*least*/) {
  while (from < n && !(p[from] > 0)) ++from;
  return from;
}
#else

// The first output word of the generator for the counters {position, x, request}.  A word stands in the low half of its
// lane; the high half may hold anything, since MulEven does not look at it.
template <class D>
hn::Vec<D> FirstWord(D d, hn::Vec<D> x, const RaceNoise& noise) {
  const hn::Repartition<uint32_t, D> words;
  const auto product = [&](hn::Vec<D> c, uint32_t factor) {
    return hn::MulEven(hn::BitCast(words, c), hn::Set(words, factor));
  };
  const auto request = static_cast<uint64_t>(noise.request);
  auto c0 = hn::Set(d, static_cast<uint64_t>(noise.position)), c1 = x;
  auto c2 = hn::Set(d, request & 0xFFFFFFFF), c3 = hn::Set(d, request >> 32);
  uint32_t k0 = noise.key[0], k1 = noise.key[1];
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const auto product0 = product(c0, 0xD2511F53), product1 = product(c2, 0xCD9E8D57);
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), c1), hn::Set(d, uint64_t{k0}));
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), c3), hn::Set(d, uint64_t{k1}));
    c1 = product1;
    c3 = product0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return hn::And(c0, hn::Set(d, uint64_t{0xFFFFFFFF}));
}

// Which of the tokens x, x+1, ... may arrive before `least`.  E = -log(1-u) >= 2u/(2-u), which grows with u, and
// u >= u' = its first 32 bits; so a token is out if u' (2 + T) > 2T with T = p least.  T gets more than all the
// rounding here and in the scalar definition.
template <class D>
hn::Mask<D> MayWin(D d, hn::Vec<D> p, size_t x, const RaceNoise& noise, double least) {
  constexpr double kMargin = 1 + 0x1p-30;
  const hn::Repartition<uint64_t, D> bits;
  const auto word = FirstWord(bits, hn::Iota(bits, static_cast<uint64_t>(x)), noise);
  // An integer below 2^52 as the mantissa of 2^52: the exact conversion that every instruction set has.
  const auto exponent = hn::Set(d, 0x1p52);
  const auto number = hn::Sub(hn::BitCast(d, hn::Or(word, hn::BitCast(bits, exponent))), exponent);
  const auto u = hn::Mul(number, hn::Set(d, 0x1p-32));
  const auto bound = hn::Mul(hn::Mul(p, hn::Set(d, kMargin)), hn::Set(d, least));
  const auto out = hn::Gt(hn::Mul(u, hn::Add(bound, hn::Set(d, 2.0))), hn::Add(bound, bound));
  return hn::And(hn::Not(out), hn::Gt(p, hn::Zero(d)));  // an infinite bound gives NaN, which rules nothing out
}

size_t NextContender(const float* p, size_t from, size_t n, const RaceNoise& noise, double least) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;  // as many floats as there are doubles in a vector
  const size_t lanes = hn::Lanes(d);
  size_t x = from;
  for (; x + lanes <= n; x += lanes) {
    const auto mass = hn::LoadU(half, p + x);
    if (hn::AllFalse(half, hn::Gt(mass, hn::Zero(half)))) continue;  // truncated rows are mostly empty
    const auto found = hn::FindFirstTrue(d, MayWin(d, hn::PromoteTo(d, mass), x, noise, least));
    if (found >= 0) return x + static_cast<size_t>(found);
  }
  if (x == n) return n;
  HWY_ALIGN double tail[HWY_MAX_BYTES / sizeof(double)] = {};
  for (size_t j = 0; x + j < n; ++j) tail[j] = p[x + j];
  const auto found = hn::FindFirstTrue(d, MayWin(d, hn::Load(d, tail), x, noise, least));
  return found >= 0 ? x + static_cast<size_t>(found) : n;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace specula {
HWY_EXPORT(NextContender);

int64_t next_contender(const float* p, int64_t from, int64_t vocab, const RaceNoise& noise, double least) {
  return static_cast<int64_t>(
      HWY_DYNAMIC_DISPATCH(NextContender)(p, static_cast<size_t>(from), static_cast<size_t>(vocab), noise, least));
}
}  // namespace specula
#endif
