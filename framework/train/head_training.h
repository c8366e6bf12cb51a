// A head of a target, or a draft of many tokens at once, learns what the target says of the texts: at every level of
// its own unrolled predictions, so that it meets in training what it meets in drafting (EAGLE-3's training-time test,
// Li et al. 2025; one level is EAGLE's and MTP's own training).  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <memory>

#include "framework/train/divergence.h"
#include "framework/train/draft_network.h"

namespace specula {

struct HeadTrainingOptions {
  int levels = 4;      // that are trained
  int gamma = 4;       // tokens of the chains behind the validation acceptance
  double decay = 0.8;  // level k counts decay^k
  Divergence loss = Divergence::kForwardKl;
  double beta = 0.5;         // of jsd
  double data_share = 0;     // of the loss: cross-entropy of the texts' own tokens
  double feature_share = 0;  // smooth L1 distance of the features to the target's last states, added to the loss
  double noise = 0;          // numbers of U(-noise, noise) are added to the target's states (state_noise.h)
  uint64_t seed = 0;         // of the noise
};

std::unique_ptr<Objective> make_head_training(std::unique_ptr<DraftNetwork> network,
                                              std::shared_ptr<FrozenTarget> target, const HeadTrainingOptions& options,
                                              const DecoderTraining& training);

}  // namespace specula
