// Heads that name a block of tokens in one pass (DFlash, Chen et al. 2026): behind the last token of the text stand
// masks, all of which see each other and the target's states of the text, and the k-th mask names the token k places
// on.  So a shorter block names them otherwise.  Licence: Apache-2.0.
#pragma once

#include "framework/model/heads/round_heads.h"

namespace specula {

class BlockHeads final : public RoundHeads {
 public:
  using RoundHeads::RoundHeads;

 private:
  void feed(const Fed& fed, RoundCache& cache, const PartialHead* head) const override;
  void name_blocks(const Fed& fed, RoundCache& cache, const PartialHead* head) const;
};

}  // namespace specula
