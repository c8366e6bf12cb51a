// How often each token stands in the text of a row, for rows of one tree in turn: the committed text is counted once.
// Licence: Apache-2.0.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "framework/decode/sampler.h"

namespace specula {

class TokenCounts {
 public:
  // Of the last `window` tokens (0: all) of the text, or of what was generated of it.  `context` is lent.
  enum class Of { kText, kGenerated };
  TokenCounts(const RowContext& context, int64_t vocab, Of of, int64_t window);
  // Calls `see` with each token of row j and its number, at least 1, in no particular order.
  void of_row(size_t j, const std::function<void(Token token, int count)>& see);

 private:
  void add(Token token, int by);

  const RowContext& context_;
  const size_t window_;
  std::span<const Token> committed_;  // as far back as the window goes
  std::vector<int> counts_;           // [V]
  std::vector<char> is_listed_;       // [V]
  std::vector<Token> listed_;         // every token that was ever counted
};

}  // namespace specula
