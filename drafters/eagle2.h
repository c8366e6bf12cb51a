// eagle2: eagle with a tree that follows the head's own confidence.
//
// Li et al. 2024, "EAGLE-2: Faster Inference of Language Models with Dynamic Draft Trees": the heads of eagle, and
// `tree = "dynamic(top_k, depth, nodes)"`, whose rows are expanded and ranked by the product of their probabilities, so
// that they are points and exact under every rule that takes points.  Costs one layer and the target's head a depth.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry eagle2();
}
