// How often the r-th sibling of a node is the first that is accepted, given what target and draft say there: what
// Sequoia's programme builds a tree from (Chen et al. 2024, section 3.1).  Nothing is tossed: siblings are drawn
// without replacement, and the probability that recursive rejection comes to sibling r and accepts it is summed over
// its own token, (prod over i < r of 1 - h_i) sum_x min(P_r(x), Q_r(x)), which leaves only the noise of the earlier
// siblings. Licence: Apache-2.0.
#pragma once

#include <functional>
#include <vector>

#include "framework/core/token.h"

namespace specula {

class RankAcceptance {
 public:
  explicit RankAcceptance(int ranks) : sum_(static_cast<size_t>(ranks)), square_(static_cast<size_t>(ranks)) {}

  // One position: p and q [vocab] sum to 1; uniform(r) is fresh for every rank.  Siblings end where q has no token
  // left.
  void add(const float* p, const float* q, int64_t vocab, const std::function<double(int rank)>& uniform);
  // One position of points: sibling r is the r-th most likely token of q.
  void add_ranked(const float* p, const float* q, int64_t vocab);

  int64_t positions() const { return positions_; }
  std::vector<double> mean() const;            // [ranks]
  std::vector<double> standard_error() const;  // [ranks] as if positions were independent

 private:
  void add(size_t rank, double probability);
  std::vector<double> sum_, square_;
  int64_t positions_ = 0;
};

}  // namespace specula
