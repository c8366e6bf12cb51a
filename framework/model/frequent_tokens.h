// A model whose logits are those of some tokens only: all others get -infinity, so that whatever is drawn from it lies
// among them and its law says so.  FR-Spec (Zhao et al. 2025) drafts with the most frequent tokens of a corpus: a head
// of 32k rows instead of 128k is most of what a small draft model reads in a pass.  The saving is real where the model
// has partial heads (the own engine, whose rows are copied once); with any other model the tokens are taken from all
// logits, and nothing is saved.  Licence: Apache-2.0.
#pragma once

#include "framework/model/wrapped_model.h"

namespace specula {

class FrequentTokens final : public WrappedModel {
 public:
  // `tokens`: distinct, within the vocabulary, at least one; throws std::logic_error otherwise.
  FrequentTokens(const LanguageModel& model, std::vector<Token> tokens);

  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;

  bool saves() const { return head_ != nullptr; }  // whether the other tokens' rows of the head are not read

 private:
  std::vector<Token> tokens_;
  std::unique_ptr<PartialHead> head_;
};

}  // namespace specula
