// layer_skip: the target drafts for itself with some of its blocks left out.
//
// Zhang et al. 2024, "Draft & Verify: Lossless Large Language Model Acceleration via Self-Speculative Decoding".  A
// block (attention or MLP) that is skipped adds nothing to the residual stream and reads no weights.  Needs no second
// model and no memory: drafts attend to the target's own cache, and what they store there is dropped before the
// target's pass.  Costs `length` passes over the blocks that are left, so it pays where those still agree with the
// whole: deep models, layers from the middle.  The paper searches the set offline; swift searches it while decoding.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry layer_skip();
}
