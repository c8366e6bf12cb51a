// top_p: keeps the smallest set of most likely tokens whose mass reaches p (nucleus sampling, Holtzman et al. 2020).
// The token that crosses p stays; the lowest id wins ties.  Mass is that of the logits as they arrive, so temperature
// comes before. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry top_p();
}
