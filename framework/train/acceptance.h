// Validation acceptance: how much of a chain that a draft proposes the target would take, estimated on held-out text
// without decoding.  p and q are given at every position of the text; a round may begin at each.
//
// At temperature 1 under `rejection`, a token is accepted with probability sum_x min(p, q), and behind it the chain
// goes on along accepted tokens, whose joint probability is the product of min(p, q).  Along a text that p wrote, prod
// min(1, q / p) over its first j tokens times the overlap at the next one is an unbiased estimate of the probability
// that j + 1 are accepted; corpus text stands in for such a text.  At temperature 0 the chain is accepted as long as
// the most probable tokens agree; along the text this is counted as if it were the target's own. Licence: Apache-2.0.
#pragma once

#include "framework/core/tensor.h"
#include "framework/train/objective.h"

namespace specula {

// Of rows: log_p, log_q [R,V] and the token [R] int64 that the text has.
struct RowAcceptance {
  Tensor overlap;  // [R] sum_x min(p, q): a drafted token is accepted at T = 1
  Tensor ratio;    // [R] min(1, q / p) of the text's own token
  Tensor agree;    // [R] 1 where the most probable tokens are the same: accepted at T = 0
};
RowAcceptance row_acceptance(const Tensor& log_p, const Tensor& log_q, const Tensor& next);

class Acceptance {
 public:
  explicit Acceptance(int64_t length) : length_(length) {}  // of the chains: gamma

  // What positions say: log_p, log_q [R,V] and the token [R] int64 that follows each, which all together are [B,T].
  void add(const Tensor& log_p, const Tensor& log_q, const Tensor& next);
  // overlap: of one token, at T = 1; agreement: at T = 0; accepted_t1 and accepted_t0: expected accepted length.
  Figures figures(int64_t texts) const;

 private:
  int64_t length_;
  std::vector<Tensor> overlap_, ratio_, agree_;  // [R]
};

}  // namespace specula
