// Phrases that were seen behind a token, by that token: the n-gram pool of lookahead decoding (Fu et al. 2024, section
// 3) and the phrase pool of Ouroboros (Zhao et al. 2024).  Keeps the phrases that were added last, costs a search among
// `per_token` short lists an addition, and has no bound but that for each first token.  Licence: Apache-2.0.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "framework/decode/draft_tree.h"

namespace specula {

class PhrasePool {
 public:
  // Phrases of at most `length` tokens behind their first, at most `per_token` behind the same one.
  PhrasePool(int length, int per_token) : length_(static_cast<size_t>(length)), per_token_(per_token) {}

  // The phrase that was added last comes first; of two of which one begins the other the longer stays.  What is longer
  // than a phrase may be is cut; an empty one is not kept.
  void add(Token first, std::span<const Token> phrase);
  // Every phrase of a text that begins at `from` or later; those at its end are shorter.
  void add_text(std::span<const Token> text, size_t from = 0);

  const std::vector<std::vector<Token>>& after(Token first) const;  // the last added first

 private:
  size_t length_;
  int per_token_;
  std::unordered_map<Token, std::vector<std::vector<Token>>> phrases_;
};

// How much may hang below a row of a tree.
struct PhraseRoom {
  int depth = 0;  // levels below the row
  int rows = 0;
};
// Hangs phrases under `row` as points, merged where they begin alike; those that come first have precedence.  Nothing
// may hang below `row` yet.
void add_phrases(DraftTree& tree, int row, std::span<const std::vector<Token>> phrases, PhraseRoom room);

}  // namespace specula
