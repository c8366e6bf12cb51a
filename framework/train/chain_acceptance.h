// Validation acceptance of a head, whose q of a place depends on how deep it is drafted: as Acceptance (acceptance.h),
// with p and q of each level of a chain given by themselves.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/core/tensor.h"
#include "framework/train/objective.h"

namespace specula {

class ChainAcceptance {
 public:
  explicit ChainAcceptance(int length) : levels_(static_cast<size_t>(length)) {}  // of the chains: gamma

  // Rows of a level in their order, which all together are [B,n] with n one less a level: log_p, log_q [R,V], and the
  // token [R] int64 that the text has.
  void add(int level, const Tensor& log_p, const Tensor& log_q, const Tensor& next);
  // overlap_k: sum_x min(p, q) of level k, counted from 1; agreement_k: at T = 0; accepted_t1 and accepted_t0: expected
  // accepted length of chains from the places that all levels reach.
  Figures figures(int64_t texts) const;

 private:
  struct Level {
    std::vector<Tensor> overlap, ratio, agree;  // [R]
  };
  std::vector<Level> levels_;
};

}  // namespace specula
