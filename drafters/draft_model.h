// draft_model: a smaller language model of the same vocabulary drafts a chain, token by token, or a tree.
//
// Leviathan et al. 2023, "Fast Inference from Transformers via Speculative Decoding"; Chen et al. 2023.  q is the draft
// model's distribution after the same sampling policy as the target's, and the tree carries it.  Costs `length` passes
// of the draft model a round; the last drafted token is fed only in the next round, and only if it was accepted.  Pays
// when the draft agrees often and its pass is cheap against the target's.  With `tree` it
// drafts siblings too (framework/decode/trees, a file for each shape, says law and costs): drawn i.i.d. or without
// replacement where the shape only grows, points where it ranks, prunes or the rule wants the most likely tokens.  With
// `stop` a chain may end earlier
// (drafters/stoppers).  With `token_ranks` it drafts only the most frequent tokens of a corpus, as FR-Spec does (Zhao
// et al. 2025): q is restricted to them before the policy and says so, and the head's other rows are not read, which is
// much of a small model's pass where the vocabulary is large.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry draft_model();
}
