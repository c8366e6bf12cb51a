// Tokens that a user names by their ids or by what they are spelled.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/decode/registry.h"

namespace specula {

struct TokenChoice {
  std::vector<double> tokens;      // ids
  std::vector<std::string> texts;  // each the whole text of at least one token

  template <class V>
  void visit(V& v) {
    v("tokens", tokens, 0, 2147483647, "ids of tokens");
    v("texts", texts, "texts, each of which is a whole token; a space in front belongs to it");
  }

  bool is_empty() const { return tokens.empty() && texts.empty(); }
  void check(const std::string& place) const;  // throws ConfigError
  // One list for each entry of tokens, then of texts.  Throws ConfigError for what the vocabulary lacks.
  std::vector<std::vector<Token>> chosen(const std::string& place, const Parts& parts) const;
};

}  // namespace specula
