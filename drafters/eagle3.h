// eagle3: one decoder layer that reads three states of the target and drafts from a vocabulary of its own.
//
// Li et al. 2025, "EAGLE-3: Scaling up Inference Acceleration of Large Language Models via Training-Time Test".  States
// of a lower, a middle and an upper layer are joined to one; drafted rows carry the layer's own output.  The head was
// trained on its own predictions, several steps deep.  Where it drafts a part of the vocabulary only, q is 0 elsewhere
// and says so.  Costs one layer, whose attention reads twice the width, and its own small head a depth.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry eagle3();
}
