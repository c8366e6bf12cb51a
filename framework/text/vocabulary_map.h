// The tokens that two tokenizers share: those that stand for the same bytes (Timor et al. 2025, "Accelerating LLM
// Inference with Lossless Speculative Decoding Algorithms for Heterogeneous Vocabularies", section 4).  One to one.
// Licence: Apache-2.0.
#pragma once

#include <span>
#include <vector>

#include "framework/text/tokenizer.h"

namespace specula {

class VocabularyMap {
 public:
  // Ids of a model's padding, behind the pieces of its tokenizer, are not shared.  BOS and EOS are shared by their
  // role, other control tokens by their spelling.  Of several ids with the same bytes (a letter and the byte that
  // spells it) those that are spelled alike belong together, then the lowest ones.
  VocabularyMap(const Tokenizer& draft, const Tokenizer& target);

  Token target_of(Token draft) const { return at(target_of_, draft); }  // -1: not shared
  Token draft_of(Token target) const { return at(draft_of_, target); }  // -1: not shared
  // [V of the draft's tokenizer] the target's id of each, -1 where there is none.
  std::span<const Token> targets() const { return target_of_; }
  int64_t shared() const { return shared_; }

 private:
  static Token at(const std::vector<Token>& ids, Token id) {
    return id >= 0 && static_cast<size_t>(id) < ids.size() ? ids[static_cast<size_t>(id)] : -1;
  }
  void share(Token draft, Token target);
  void share_by(const Tokenizer& draft, const Tokenizer& target, std::string (*key)(const Tokenizer&, Token));

  std::vector<Token> target_of_, draft_of_;
  int64_t shared_ = 0;
};

}  // namespace specula
