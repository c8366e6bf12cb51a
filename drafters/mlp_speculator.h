// mlp_speculator: a recurrence over the drafted tokens that starts from the target's state.
//
// Wertheimer et al. 2024, "Accelerating Production LLMs with Combined Token/Embedding Speculators".  Costs a product of
// the inner size squared and a head of the vocabulary for each depth of the tree.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry mlp_speculator();
}
