// A decoder whose parameters learn, shared by the objectives that train one.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/model/reference.h"
#include "framework/train/autocast.h"
#include "framework/train/decoder_weights.h"
#include "framework/train/lm.h"
#include "framework/train/objective.h"

namespace specula {

class LearningDecoder {
 public:
  LearningDecoder(TrainableDecoder decoder, const DecoderTraining& training);

  std::vector<Parameter> parameters() const;
  // [B,T] to [B T,H], under autocast where it is on; parent [T] as ReferenceDecoder has it.
  Tensor final_states(const Tensor& token, const Tensor& parent = {}) const;
  // The same of texts whose layers may be left out: what logits() takes if each text ends behind layer 1, 2, .. L, each
  // [B,T,H].  left_out[l] [B] bool of layer l; undefined: it runs for all.
  std::vector<Tensor> exits(const Tensor& token, const std::vector<Tensor>& left_out) const;
  Tensor logits(const Tensor& states) const;  // [N,H] to [N,V] float32
  int64_t vocab() const { return model_.config().vocab; }
  int64_t layers() const { return model_.config().layers; }
  Tensor moved(const Tensor& token) const { return token.to(training_.device); }
  void write(const std::filesystem::path& folder) const;

 private:
  AutocastScope scope() const { return {training_.autocast, training_.device}; }

  DecoderTraining training_;
  std::vector<SmallFile> files_;
  ReferenceDecoder model_;
};

}  // namespace specula
