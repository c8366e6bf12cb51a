// What learns to name several tokens of a target behind one text, as its training (head_training.h) sees it: levels of
// rows over texts side by side.  At level k row t is given the text up to token t + 1 and names token t + 2 + k.
// Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/train/frozen_target.h"
#include "framework/train/objective.h"

namespace specula {

class DraftNetwork {
 public:
  virtual ~DraftNetwork() = default;
  virtual std::vector<Parameter> parameters() const = 0;
  virtual std::vector<int> sites() const = 0;  // of the target
  virtual int levels() const = 0;              // at most; 0: any number
  // The features of levels 0, 1, ..., [B,n-1-k,F] of level k: what logits() takes.  token [B,n] int64; the target's
  // states of them by site, each [B,n,H].
  virtual std::vector<Tensor> unroll(const Tensor& token, const std::vector<Tensor>& states, int levels) const = 0;
  virtual Tensor logits(int level, const Tensor& features) const = 0;  // [N,F] to [N, outputs] float32
  // Tokens that the outputs are; undefined: of the whole vocabulary, in its order.
  virtual Tensor draft_tokens() const { return {}; }  // [outputs] int64
  virtual void write(const std::filesystem::path& folder) const = 0;
};

}  // namespace specula
