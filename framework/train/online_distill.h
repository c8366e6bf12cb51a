// A draft model that learns from what its target says while it decodes (Liu et al. 2024, "Online speculative
// decoding"): a step of AdamW towards the target's distributions at the places of texts that it has just written.
// Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "framework/core/token.h"
#include "framework/model/load.h"
#include "framework/train/adamw.h"
#include "framework/train/divergence.h"
#include "framework/train/learning_decoder.h"

namespace specula {

// A text, and what the target said behind some of its tokens.
struct HeardText {
  std::vector<Token> text{};
  std::vector<int64_t> place{};  // [n] of the tokens, 0 the first
  std::vector<Tensor> logits{};  // [n] of [V] float32 each
};

class OnlineDistill {
 public:
  // The model of a folder, which is loaded anew as `dtype` where it is asked for.  Throws Error.
  OnlineDistill(const std::filesystem::path& folder, Dtype dtype, Divergence loss, double learning_rate);

  // One step over the texts; returns the mean loss over their places before it.  Throws Error where that is no number.
  double learn(const std::vector<HeardText>& texts);
  std::unique_ptr<LoadedModel> model() const;  // as it is now
  int64_t steps() const { return steps_; }

 private:
  double step(const std::vector<HeardText>& texts);

  Dtype dtype_;
  Divergence loss_;
  double learning_rate_;
  LearningDecoder decoder_;
  AdamW adamw_;
  int64_t steps_ = 0;
};

}  // namespace specula
