// A decoder learns to say early what it would say in the end, so that its first layers can draft for the others
// (Elhoushi et al. 2024, "LayerSkip"): cross-entropy of the next token behind every layer through the one final norm
// and head, weighted, and layers that are left out at random, later ones more often.
//
// Behind layer l of L, counted from 1, the loss weighs e(l) = scale * (0 + 1 + .. + (l - 1)) for l < L and
// e(L) = L - 1 + scale * (0 + .. + (L - 2)), divided by their sum.  Layer l is left out for a text with probability
// dropout * (2^((l - 1) / (L - 1)) - 1); nothing is scaled for that.  Licence: Apache-2.0.
#pragma once

#include <memory>

#include "framework/train/lm.h"

namespace specula {

struct EarlyExitOptions {
  int exit_layer = 0;  // whose drafts are validated; 0: half of the layers
  double exit_scale = 0.2;
  double dropout = 0;  // of the last layer
  int64_t gamma = 4;   // of the chains behind the validation acceptance
  uint64_t seed = 0;
};

std::vector<double> exit_weights(int64_t layers, double scale);     // [L], their sum is 1
std::vector<double> dropout_rates(int64_t layers, double dropout);  // [L]

// The merit is the weighted loss, since acceptance alone is highest where the decoder says nothing.  Throws ConfigError
// for an exit that the decoder does not have.
std::unique_ptr<Objective> make_early_exit(TrainableDecoder decoder, const EarlyExitOptions& options,
                                           const DecoderTraining& training);

}  // namespace specula
