// oracle: a drafter whose acceptance rate is set, not earned: the upper bound that every plot needs.
//
// It asks the target itself for p, and drafts from q = (1 - l) p + l r with r the least likely token and l chosen so
// that 1 - TV(p, q) = rate, the probability that the ratio test accepts (Leviathan 2023, cor. 3.6).  The target's extra
// passes are not billed: its time is that of a free drafter of that quality.  Not for timing anything else, and no
// drafter at all. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry oracle();
}
