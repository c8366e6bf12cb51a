// parallel_draft: a draft model names all tokens of a round in one pass.
//
// An et al. 2025, "PARD: Accelerating LLM Inference with Low-Cost Parallel Draft Model Adaptation".  Behind the root
// stand length - 1 mask tokens; the row of the root names the next token, that of the k-th mask the token k + 1 places
// on.  So tokens of one depth are drawn from one law, whatever stands above them; that law is declared, and decoding is
// as lossless as with any draft.  The model must have been trained for it (`specula train parallel_draft`, PARD's
// checkpoints: mask_token is "pard_token" of their config.json).  q after the last row is not known without one mask
// more, so rules that mix p and q are refused.  One pass of length rows a round.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry parallel_draft();
}
