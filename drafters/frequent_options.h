// Drafting the most frequent tokens of a corpus only (FR-Spec, Zhao et al. 2025): what draft_model and the heads share.
// Licence: Apache-2.0.
#pragma once

#include <optional>
#include <string>

#include "framework/decode/registry.h"
#include "framework/model/frequent_tokens.h"

namespace specula {

struct FrequentOptions {
  FileName token_ranks;
  int frequent_tokens = 0;
  template <class V>
  void visit(V& v) {
    v("token_ranks", token_ranks, "of `specula train token_ranks`: draft only the most frequent tokens of a corpus");
    v("frequent_tokens", frequent_tokens, 0, 1 << 30, "so many of token_ranks; 0: all that it lists", "tokens");
  }
};

// Adds the file and the memory.  `place` is the drafter's name.  Throws ConfigError for more tokens than are listed.
void add_frequent(const FrequentOptions& options, const std::string& place, Facts& facts);

// None: every token is drafted.  The model is lent.
std::optional<FrequentTokens> frequent_of(const FrequentOptions& options, const LanguageModel& model,
                                          const Parts& parts);

}  // namespace specula
