// medusa: heads on the target's last state, each of which names the token one place further on.
//
// Cai et al. 2024, "Medusa: Simple LLM Inference Acceleration Framework with Multiple Decoding Heads".  A head knows
// nothing of the tokens that were drafted in front of its own, so q of a place is the same on every path; it is
// declared after the policy, and sampled decoding stays exact under `rejection` (the paper's typical acceptance is a
// lossy rule of its own).  The published trees are `tree = "fixed"` with a `tree_file` of paths.  Costs one step of
// each head a round, and the target's state behind its final norm. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry medusa();
}
