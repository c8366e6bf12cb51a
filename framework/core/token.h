// The two words everything shares.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <vector>

namespace specula {

using Token = int32_t;
using Prefix = std::vector<Token>;  // the committed tokens of one sequence, prompt included

}  // namespace specula
