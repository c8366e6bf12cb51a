// kseq: k i.i.d. siblings tried in order against p/(rho q), the sequential approximation of optimal transport.
//
// SpecTr, Sun et al. 2023, "SpecTr: Fast Speculative Decoding via Optimal Transport", alg. 3 (k-SEQ).  With beta(rho) =
// sum of min(q, p/rho) and rho in [1,k] the solution of 1 - (1-beta)^k = rho beta, each sibling x is accepted with
// probability min(1, p(x) / (rho q(x))), and if none is, the token comes from p - min(q, p/rho) (1-(1-beta)^k)/beta.
// At least (1-1/e) of what any rule can accept.  All siblings of a node come from one q, and their number must be
// fixed before they are drawn.  One sibling: the ratio test.  Each node of a tree has its own k.
// Costs some 30 passes over V at a node of several siblings, for rho.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry kseq();
}
