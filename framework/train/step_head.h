// Heads whose drafts do not attend, as they learn: Medusa, Hydra, the MLP speculator (framework/model/heads says their
// equations).  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>

#include "framework/train/head_network.h"

namespace specula {

struct StepHeadShape {
  std::string kind = "medusa";  // "medusa", "hydra", "mlp_speculator"
  int levels = 4;               // heads, or steps
  int blocks = 1;               // of a head: medusa, hydra
  int64_t inner = 0;            // of the MLP speculator; 0: as the target's hidden size
  bool shared_output = false;   // medusa: every head ends in the target's own, which does not learn
  bool prefix = false;          // hydra: a decoder layer reads the target's states first (Hydra++)
};

// Output heads begin as the target's own.  Throws ConfigError for a prefix where the target is no Llama.
std::unique_ptr<HeadNetwork> make_step_head(const StepHeadShape& shape, std::shared_ptr<FrozenTarget> target,
                                            uint64_t seed, const DecoderTraining& training);

}  // namespace specula
