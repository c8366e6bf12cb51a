// early_exit: the target's first layers, with its own final norm and head, draft; its other layers verify.
//
// Elhoushi et al. 2024, "LayerSkip: Enabling Early Exit Inference and Self-Speculative Decoding".  What the first
// layers computed for the drafts is not computed again: their keys stay in the target's cache and the verification
// resumes from their states (4 H bytes a row).  A round takes length + 1 tokens one by one through the first E of L
// layers (the last drafted token needs them too), then length + 1 rows through the others.  That reads the weights of
// (length + 1) E + L - E layers, as many as a verification from scratch (length E + L): what is saved is the arithmetic
// of length rows in E layers.  It counts for large batches, and little where a pass waits for its weights; reuse =
// false is there to compare.  How many drafts are accepted depends on how early the layers know the answer, which the
// paper trains for (layer dropout, early exit loss); untrained models exit badly.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry early_exit();
}
