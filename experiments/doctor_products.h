// What `specula doctor` says of products: every implementation that this machine can run, dtype by dtype, and where
// another one than that in use would be faster.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/model/engine/measure_linear.h"

namespace specula {

struct ProductTable {
  std::vector<std::string> lines;   // the first two are the heading
  std::vector<std::string> advice;  // one for each dtype that another implementation computes faster
};

// With these a few seconds.
inline constexpr LinearShape kDoctorShape{.inputs = 2048, .outputs = 2048};
inline constexpr int64_t kDoctorMemory = int64_t{96} << 20;
inline constexpr int kDoctorTurns = 15;
// `memory` and `turns` as LinearQuestion has them.
ProductTable tabulate_products(const LinearShape& shape, int64_t memory, int turns);

// "" unless an implementation is more than 15 % faster than the first, which is in use, with 1 or 5 rows: the first two
// row counts of the timings.
std::string advise(Dtype format, const std::vector<LinearTiming>& timings);

}  // namespace specula
