// Compiled for each instruction set by Highway and chosen at run time.
#include "framework/core/weighted_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/core/weighted_sums.cpp"
#include <hwy/foreach_target.h>  // NOLINT: includes this file once per target
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void WeightedSums(std::span<const uint8_t> counts, const double* first, const double* second, double* sums) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<int32_t, decltype(d)> whole;
  const hn::Rebind<uint8_t, decltype(d)> byte;
  const size_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d), b = a, more_a = a, more_b = a;  // two each, so that additions do not wait for each other
  for (size_t u = 0; u < counts.size(); u += 2 * lanes) {
    const size_t v = u + lanes;
    const auto here = hn::PromoteTo(d, hn::PromoteTo(whole, hn::LoadU(byte, counts.data() + u)));
    const auto next = hn::PromoteTo(d, hn::PromoteTo(whole, hn::LoadU(byte, counts.data() + v)));
    a = hn::MulAdd(here, hn::LoadU(d, first + u), a);
    b = hn::MulAdd(here, hn::LoadU(d, second + u), b);
    more_a = hn::MulAdd(next, hn::LoadU(d, first + v), more_a);
    more_b = hn::MulAdd(next, hn::LoadU(d, second + v), more_b);
  }
  sums[0] = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, more_a)));
  sums[1] = hn::GetLane(hn::SumOfLanes(d, hn::Add(b, more_b)));
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "framework/core/error.h"

namespace specula {
HWY_EXPORT(WeightedSums);

void weighted_sums(std::span<const uint8_t> counts, const double* first, const double* second, double* sums) {
  SPECULA_CHECK(counts.size() % kUnitsAtOnce == 0, counts.size(), " units");
  HWY_DYNAMIC_DISPATCH(WeightedSums)(counts, first, second, sums);
}

}  // namespace specula
#endif
