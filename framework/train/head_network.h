// A head that learns, as the objective of all heads (head_training.h) sees it: levels of rows over texts side by side.
// At level k row t stands for the token k + 1 behind text position t, carries what level k - 1 left for it (level 0:
// the target's states at t) and names the token k + 2 behind.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/train/frozen_target.h"
#include "framework/train/objective.h"

namespace specula {

class HeadNetwork {
 public:
  virtual ~HeadNetwork() = default;
  virtual std::vector<Parameter> parameters() const = 0;
  virtual std::vector<int> sites() const = 0;  // of the target
  virtual int levels() const = 0;              // at most; 0: any number
  // The target's states by site, each [B,n,H], as what rows of level 0 carry, [B,n,W].
  virtual Tensor join(const std::vector<Tensor>& states) const = 0;

  struct Level {
    Tensor features;  // [B,n,F]: what logits() takes
    Tensor carried;   // [B,n,W]: what rows of the next level carry
  };
  // Levels of the same rows are run in their order; `kept` holds what the lower ones left for attention.
  struct Kept {
    std::vector<Tensor> keys, values;  // [B,heads,n,D] of each level
  };
  // token [B,n] int64, carried [B,n' >= n,W] of which the first n are taken.
  virtual Level run(int level, const Tensor& token, const Tensor& carried, Kept& kept) const = 0;
  virtual Tensor logits(int level, const Tensor& features) const = 0;  // [N,F] to [N, outputs] float32
  // Tokens that the outputs are; undefined: of the whole vocabulary, in its order.
  virtual Tensor draft_tokens() const { return {}; }  // [outputs] int64
  virtual void write(const std::filesystem::path& folder, WrittenDtype dtype) const = 0;
};

}  // namespace specula
