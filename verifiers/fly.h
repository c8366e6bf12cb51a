// fly: the ratio test that looks past a rejection where the target is unsure (Li et al. 2025, "Training-free loosely
// speculative decoding", arXiv 2511.22972, as vLLM generalises it to sampled drafts).
//
// Each draft has one coin, that of the ratio test.  A draft whose coin rejects is kept all the same if the entropy
// -sum p ln p over the target's top_k probabilities there is at least the threshold, p(d) > 0, and the coins of all the
// next W drafts accept, W = min(window, drafts - 1).  So the last W drafts of a round are judged by their own coins
// alone, and a longer draft defers more.  vLLM leaves those top_k probabilities as they are, others normalise them.
// A rejection that stands emits from norm((p-q)+).  Chains only.
// Lossy.  p is that after the sampling policy: on one-hot rows the entropy is 0 and fly is greedy_match.
// Costs O(V) a rejected row.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry fly();
}
