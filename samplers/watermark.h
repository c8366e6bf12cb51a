// watermark (Kirchenbauer et al. 2023): adds delta to the logits of green tokens, a share gamma of the vocabulary that
// the tokens before decide.  A soft red list with the hash of the last `context` tokens of the row's own text; each
// token is green by itself, with probability gamma, rather than exactly gamma V of them.  Ordinary history, so it stays
// lossless in trees.  watermark_score() detects it in a text.  transformers' own lists come from another generator: a
// text that one marks the other does not find.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {

struct WatermarkKey {
  double gamma = 0.25;
  int64_t context = 1, key = 15485863;
};

// How many of the tokens after the first `context` are green, and the z-score of that number: without a watermark about
// a standard normal.
struct WatermarkScore {
  int64_t tokens = 0, green = 0;
  double z = 0;
};
WatermarkScore watermark_score(const WatermarkKey& key, const std::vector<Token>& text);

Registry<LogitsProcessor>::Entry watermark();
}  // namespace specula
