// lenience: the ratio test with a discount on the draft's probability (Leviathan et al. 2023, appendix A.5).
//
// A draft d of q passes iff u < p(d) / (l q(d)), 0 < l <= 1; a point passes with probability p(d) / l.  The appendix
// leaves the residual open.  Here it is norm((p-q)+), of a point p without d, as in the code of Narasimhan et al. 2025;
// so where a draft was drawn, the step emits
//   min(q, p/l) + (1 - beta) norm((p-q)+),   beta = sum of min(q, p/l):
// p at l = 1 (then it is exact), q as l goes to 0.  Chains only.
// On one-hot rows p(d) is 0 or 1 and any l gives greedy_match; the appendix's rule for argmax decoding, p(d) >= l max
// p, would need the rows before the temperature.  No token of zero probability passes. Costs O(1) a tested row and O(V)
// a round.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry lenience();
}
