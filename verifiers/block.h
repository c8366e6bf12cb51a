// block: a chain is judged as one block, from its last token back.
//
// Sun et al. 2024, "Block Verification Accelerates Speculative Decoding", alg. 2.  P_0 = 1, P_i = min(1, P_{i-1}
// p(d_i)/q(d_i)) is what the block up to token i deserves; i is kept with probability P_i if it is the last one, else
// R/(R + 1 - P_i) with R = sum of (P_i p - q)+ at the next token; the longest block that is kept wins, and the token
// after it comes from norm((P_i p - q)+).  Exact for p, and in expectation never below the ratio test on the same
// draft: a token that alone would fail may be carried by those after it.  Points count as q all on one token.
// Costs one pass over V for each token from the last one back to the accepted one.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry block();
}
