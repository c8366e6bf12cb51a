// A draft model that learns to name all tokens of a round in one pass: behind the text stand mask tokens, and the row
// of the k-th one names the token k + 1 places on (An et al. 2025, "PARD"; P-EAGLE does the same with a head).  In
// training every position of a text grows a chain of masks, which sees the text up to there and itself.  Licence:
// Apache-2.0.
#pragma once

#include <memory>

#include "framework/core/token.h"
#include "framework/train/decoder_weights.h"
#include "framework/train/draft_network.h"

namespace specula {

// `mask` is written into config.json as "pard_token".  Throws ConfigError for a vocabulary that is not the target's, or
// a mask beyond it.
std::unique_ptr<DraftNetwork> make_parallel_draft(TrainableDecoder decoder, Token mask, const DecoderConfig& target,
                                                  const DecoderTraining& training);

}  // namespace specula
