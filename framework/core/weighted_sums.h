// The inner loop of the bootstrap: totals of a resample, given how often each unit was drawn.  Licence: Apache-2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace specula {

// Vectors of units have a multiple of so many numbers, zeros behind the last one.
inline constexpr size_t kUnitsAtOnce = 64;
inline constexpr size_t padded_units(size_t units) { return (units + kUnitsAtOnce - 1) / kUnitsAtOnce * kUnitsAtOnce; }

// sums[0] = sum of counts x first, sums[1] = sum of counts x second; all three have as many units, padded.  The order
// of the additions is that of the instruction set: sums of integers are exact, others may differ in their last bits
// from one machine to the next.
void weighted_sums(std::span<const uint8_t> counts, const double* first, const double* second, double* sums);

}  // namespace specula
