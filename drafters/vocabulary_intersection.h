// vocabulary_intersection: a draft model with another tokenizer, drafting what both tokenizers have.
//
// Timor et al. 2025, "Accelerating LLM Inference with Lossless Speculative Decoding Algorithms for Heterogeneous
// Vocabularies", token-level intersection (TLI).  Tokens that stand for the same bytes are one token.  The draft
// model's logits of all others are removed before the sampling policy, so q is its distribution over the shared tokens,
// under the target's ids, and the acceptance rules need to know nothing of it.  The draft model reads the prompt as its
// own tokenizer would, then the shared tokens as they are; what it lacks is read anew with the tokens before it.
//
// Lossless under every rule that takes the draws.  Not for rules whose law mixes p and q: how the draft model reads a
// text depends on where the prompt ended, so q is no function of the text.  Accepts the less, the more of the draft's
// mass lies on tokens that the target lacks; costs `length` passes of the draft model a round.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry vocabulary_intersection();
}
