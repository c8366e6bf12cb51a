// A draft model learns the distributions of a target (Hinton et al. 2015; Zhou et al. 2024, "DistillSpec"): on given
// texts (a corpus, or the target's own samples) and, for a share of the rows, on texts that the draft itself goes on
// with, where its mistakes are.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>

#include "framework/train/divergence.h"
#include "framework/train/lm.h"

namespace specula {

struct DistillOptions {
  Divergence loss = Divergence::kForwardKl;
  double beta = 0.5;      // of jsd
  double data_share = 0;  // of the loss: cross-entropy of the texts' own tokens
  double on_policy = 0;   // share of the rows whose end the draft writes
  int64_t written = 32;   // tokens that it writes there; a forward pass for each
  int64_t gamma = 4;      // of the chains behind the validation acceptance
  uint64_t seed = 0;
};

// Throws ConfigError where the two have different vocabularies.
std::unique_ptr<Objective> make_distill(TrainableDecoder draft, const std::filesystem::path& target,
                                        const DistillOptions& options, const DecoderTraining& training);

}  // namespace specula
