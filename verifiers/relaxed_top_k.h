// relaxed_top_k: a draft passes iff it is among the target's k most likely tokens and not much less likely than the
// first: log p(top) - log p(d) <= delta (the relaxed acceptance of TensorRT-LLM, there for the thinking phase of
// reasoning models; its `relaxed_topk` and `relaxed_delta` default to 1 and 0).
//
// No coin.  Equal probabilities rank by id, so with k = 1 and on one-hot rows it is greedy_match.  On trees the longest
// path of passing drafts is kept, among those the one with the highest sum of log p, then the first; the next token is
// drawn from p after its last row.  Lossy above temperature 0.  No token of zero probability passes.
// Costs one pass over V a tested row.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry relaxed_top_k();
}
