// p and q of a round, row by row, checked once: what every acceptance rule opens with.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/draft_tree.h"

namespace specula {

class RoundRows {
 public:
  // Throws std::logic_error unless p is [R,V] and q, where there is one, [G,V], both contiguous.
  RoundRows(const DraftTree& tree, const Tensor& p);

  int64_t vocab() const { return vocab_; }
  const float* p(int row) const { return p_ + row * vocab_; }
  bool is_drawn(int row) const { return tree_.q_row[row] >= 0; }            // from a q; false: a point
  const float* q(int row) const { return q_ + tree_.q_row[row] * vocab_; }  // that the row's token was drawn from
  const float* q_next(int row) const;  // of the token after the row; throws std::logic_error if the draft lacks it
  bool is_candidate(int row) const { return tree_.draw[row] != Draw::kProbe; }
  std::vector<int> candidates(int node) const;  // its children that may be accepted, ascending
  bool is_chain() const;                        // no row has two candidates below it
  // The root and the candidates below it, downwards.  Throws std::logic_error where two are siblings.
  std::vector<int> chain() const;

 private:
  const DraftTree& tree_;
  int64_t vocab_;
  const float* p_;
  const float* q_ = nullptr;
};

}  // namespace specula
