// typical_p: keeps the tokens whose surprise is nearest to the entropy of the row, the fewest that reach mass p
// (Meister et al. 2023, locally typical sampling).  Defined as in transformers: tokens as near as the last one stay
// too. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry typical_p();
}
