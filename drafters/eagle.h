// eagle: one decoder layer that continues the target's states, and with them the text.
//
// Li et al. 2024, "EAGLE: Speculative Sampling Requires Rethinking Feature Uncertainty".  A row is the embedding of a
// token and the target's state (behind its final norm) at the token before it; the layer's output stands for the next
// state and goes through the target's own head.  Drafted rows carry the layer's outputs, and what was accepted is fed
// anew with the target's states.  The published trees are `tree = "fixed"` with a `tree_file` of paths; siblings drawn
// without replacement are `tree = "without_replacement(widths)"`.  Costs one layer and the target's head a depth.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry eagle();
}
