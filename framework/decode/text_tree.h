// Texts that grow side by side from one prompt: a tree of rows in one sequence of the target's cache, in which what
// texts share is read and stored once.  A row sees its own path alone, so texts part and end without a word to the
// cache.  Only commit() frees slots, and it keeps one path: once rows that nobody grows from outweigh the others, what
// all texts share is committed and the rest of them read again, in one pass and with the same bits where rows do not
// depend on how passes are cut.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <vector>

#include "framework/decode/strategy.h"

namespace specula {

class TextTree {
 public:
  // Reads the prompt but its last token, which is row 0 of the tree.  The task is lent.
  TextTree(const StrategyTask& task, const Prefix& prompt);

  // A row under another whose token had probability p under the policy; returns its number.
  int add(Token token, int parent, double p);

  // Runs the rows that were added since the last pass, at first row 0: logits [N,V] in their order.
  Tensor run();
  // [N,V] the laws of the policy after the rows of that pass: p, or what tokens are ranked by.
  Tensor distribution(const Tensor& logits) const { return laws(logits, &Sampler::distribution); }
  Tensor ranking(const Tensor& logits) const { return laws(logits, &Sampler::ranking); }
  // The committed text, the rows and the numbers of those of the last pass; keep() outdates them.
  const Prefix& prefix() const { return prefix_; }
  const DraftTree& tree() const { return tree_; }
  const std::vector<int>& rows() const { return rows_; }

  // Texts go on from `leaves` alone.  Rows may get other numbers then: returns those of the leaves.
  std::vector<int> keep(const std::vector<int>& leaves);

 private:
  using Law = Tensor (Sampler::*)(const Tensor& logits, const RowContext& context) const;
  Tensor laws(const Tensor& logits, Law law) const;
  std::vector<int> regrow(int trunk, const std::vector<size_t>& uses, const std::vector<int>& leaves);
  Pass forward(int from, int to, Logits logits);

  const StrategyTask& task_;
  Prefix prefix_;   // committed; its last token is row 0, which lies outside the cache before the first pass
  DraftTree tree_;  // row r > 0 is slot r - 1
  int64_t prompt_;  // its tokens
  int fed_ = 0;     // rows that lie in the cache, the first ones
  std::vector<double> states_;  // of each row, where a step of the policy carries one
  std::vector<int> rows_;
  std::unique_ptr<KvCache> cache_;
};

}  // namespace specula
