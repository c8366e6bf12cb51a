// xtc ("exclude top choices", p-e-w 2024): at each position, with some probability, removes every token of at least a
// threshold but the least likely of them.  Defined as in llama.cpp; of equals the highest id counts as the least
// likely. The coin is Use::kProcessor at the position of the token, so that p, q and every branch of a tree see one: a
// policy is a law given the coins, which rules are exact for.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry xtc();
}
