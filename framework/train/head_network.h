// A head of the target that learns, level by level: row t of level k stands for token t + 1 + k and carries what level
// k - 1 left for it (level 0: the target's states at t).  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/train/draft_network.h"

namespace specula {

class HeadNetwork : public DraftNetwork {
 public:
  std::vector<Tensor> unroll(const Tensor& token, const std::vector<Tensor>& states, int levels) const override;

 protected:
  // The target's states by site, each [B,n,H], as what rows of level 0 carry, [B,n,W].
  virtual Tensor join(const std::vector<Tensor>& states) const = 0;

  struct Level {
    Tensor features;  // [B,n,F]
    Tensor carried;   // [B,n,W]: what rows of the next level carry
  };
  // Levels of the same rows are run in their order; `kept` holds what the lower ones left for attention.
  struct Kept {
    std::vector<Tensor> keys, values;  // [B,heads,n,D] of each level
  };
  // token [B,n] int64, carried [B,n' >= n,W] of which the first n are taken.
  virtual Level run(int level, const Tensor& token, const Tensor& carried, Kept& kept) const = 0;
};

}  // namespace specula
