// Checkpoints of random weights, for self-tests and measurements that need no meaning.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>

#include "framework/model/checkpoint/llama_config.h"
#include "framework/model/load.h"

namespace specula {

// Writes config.json and model.safetensors into `folder`, which is made if it does not exist.  Linear weights are
// uniform with variance 1 / inputs, norms near one, biases small, so that activations keep their size.
void write_random_llama(const std::filesystem::path& folder, const LlamaConfig& config, uint64_t seed, Dtype dtype);

}  // namespace specula
