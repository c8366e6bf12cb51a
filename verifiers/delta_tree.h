// delta_tree: trees of points, one coin at each node.
//
// The children of a node are taken with their own probabilities p(c), the first sibling's coin deciding for all; with
// what is left of 1 the round ends with a token from p without them.  The same law as the ratio test on points (P(c)
// after each rejected sibling's mass has gone), as EAGLE-2 (Li et al. 2024) and the tree kernel of SGLang do it, but a
// node costs one coin and at most one pass over V.  The most likely tokens are the best points, so it asks for them.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry delta_tree();
}
