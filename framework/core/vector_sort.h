// Ascending order by vector instructions: a run has millions of times and tokens.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <vector>

namespace specula {

void sort_ascending(std::vector<double>& values);  // none of them NaN
void sort_ascending(std::vector<uint64_t>& values);

}  // namespace specula
