// Block verification of a chain: what `block` is, and a drafter that decodes with it.  Sun et al. 2024, alg. 2.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/round_rows.h"
#include "framework/decode/verifier.h"

namespace specula {

// Coins from the last token back, so that the first success is the answer and no later uniform is looked at.
Verdict block_test(const DraftTree& tree, const RoundRows& rows, Chance& chance);

}  // namespace specula
