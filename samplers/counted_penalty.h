// What frequency_penalty and presence_penalty share: which tokens count.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/logit_rows.h"
#include "framework/decode/registry.h"
#include "framework/decode/token_counts.h"

namespace specula {

struct CountedPenalty {
  double penalty = 0.5;
  bool prompt = false;
  int64_t last_n = 0;

  template <class V>
  void visit(V& v) {
    v("penalty", penalty, -100.0, 100.0, "what is subtracted from logits; a negative one is added; 0 changes nothing");
    v("prompt", prompt, "count the tokens of the prompt too");
    v("last_n", last_n, 0, kMaxInteger, "how far back tokens count; 0 takes all of them", "tokens");
  }

  TokenCounts counts(const RowContext& context, int64_t vocab) const {
    return {context, vocab, prompt ? TokenCounts::Of::kText : TokenCounts::Of::kGenerated, last_n};
  }
  Facts facts() const { return {.neutral = penalty == 0, .reads = prompt ? Reads::kText : Reads::kGenerated}; }
};

}  // namespace specula
