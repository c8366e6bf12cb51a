// A target that teaches and does not learn: hidden states and logits without gradients, under autocast where it is on.
// What objectives that train a draft or a head for it own.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/model/reference.h"
#include "framework/train/lm.h"

namespace specula {

class FrozenTarget {
 public:
  FrozenTarget(const std::filesystem::path& folder, const DecoderTraining& training);  // throws Error

  const ReferenceDecoder& model() const { return model_; }
  const DecoderConfig& config() const { return model_.config(); }
  // token [B,T] int64; each [B,T,H], by site as in Ask::hidden.
  std::vector<Tensor> states(const Tensor& token, const std::vector<int>& sites) const;
  Tensor final_states(const Tensor& token) const;  // [B T,H]
  Tensor logits(const Tensor& states) const;       // [N,H] of the last site to [N,V] float32

 private:
  DecoderTraining training_;
  ReferenceDecoder model_;
};

}  // namespace specula
