// A decoder learns to continue text: cross-entropy of the next token.  Licence: Apache-2.0.
#pragma once

#include <memory>

#include "framework/train/decoder_weights.h"
#include "framework/train/objective.h"

namespace specula {

// How a decoder is computed and what it is written in.
struct DecoderTraining {
  bool autocast = true;  // products in bfloat16
  at::DeviceType device = at::kCPU;
  WrittenDtype written = WrittenDtype::kBfloat16;
};

std::unique_ptr<Objective> make_lm(TrainableDecoder decoder, const DecoderTraining& training);

}  // namespace specula
