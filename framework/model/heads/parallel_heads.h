// EAGLE-3's layers as one pass names all tokens of a round (P-EAGLE, 2026, arXiv 2602.01469): behind the root stand
// masks, rows of one token and of one state that was learned for them, of which each sees those in front of it.  The
// root names the next token and the k-th mask the one k places behind that.  Licence: Apache-2.0.
#pragma once

#include "framework/model/heads/round_heads.h"

namespace specula {

class ParallelHeads final : public RoundHeads {
 public:
  explicit ParallelHeads(std::unique_ptr<DecoderModel> layers);

 private:
  void feed(const Fed& fed, RoundCache& cache, const PartialHead* head) const override;
  Pass over(const Fed& fed, RoundCache& cache, const std::vector<size_t>& asked, int64_t width,
            const PartialHead* head) const;

  Tensor mask_state_;  // [H], joined
};

}  // namespace specula
