// typical: Medusa's acceptance by a threshold that loosens where the target is unsure (Cai et al. 2024, section 2.3.1).
//
// A draft d after a row with law p passes iff p(d) > min(epsilon, alpha exp(-H)), H = -sum p log(p + 1e-5); no coin.
// The longest path of passing drafts is kept - among those the one with the highest sum of log p, then the first - and
// the next token is drawn from p after its last row.  (Medusa's own code has the two defaults swapped in one place and
// takes the token at the root by argmax; the figures here are those of its `medusa_generate`.)
// Lossy at temperatures above 0: whatever the drafter likes is kept once it passes.  On one-hot rows it is
// greedy_match.  No token of zero probability passes.  Costs O(1) a tested row, and one pass with logarithms over V for
// each row that has a child with p(d) <= epsilon.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry typical();
}
