// traversal: a tree is judged from its leaves up, each node with what its path deserves.
//
// Weng et al. 2025, "Traversal Verification for Speculative Tree Decoding" (2505.12398).  Every node n has a rate r and
// a target P of its own; the root has r = 1.  A child x of n starts with r_x = min(1, r_n P_n(x)/Q(x)).  In depth-first
// order the first leaf x is accepted, with its whole path, with probability r_x; else it is deleted, and its parent
// keeps what is left: D = (r_n P_n - Q)+, P_n <- norm(D), r_n <- S/(S + 1 - r_n), S = sum of D.  Then the parent's
// remaining children are judged by that, and once it has none it is a leaf itself.  At the root the token comes from P.
// Exact for points, i.i.d. siblings and siblings drawn without replacement; on chains it is block verification, on
// points the ratio test.  Costs one pass over V for each deleted row.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry traversal();
}
