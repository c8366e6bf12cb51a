// early_exit: the target's first layers, with its own final norm and head, draft; its other layers verify.
//
// Elhoushi et al. 2024, "LayerSkip: Enabling Early Exit Inference and Self-Speculative Decoding".  What the first
// layers computed for the drafts is not computed again: their keys stay in the target's cache and the verification
// resumes from their states.  So a round costs `length` tokens through the first layers one by one, and one pass of
// length + 1 rows through the others.  The text is the target's own either way; how many drafts it accepts depends on
// how early its layers know the answer, which the paper trains for (layer dropout, early exit loss).  Untrained models
// exit badly. The states take 4 H bytes a row between the passes.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry early_exit();
}
