// Checkpoints of random weights, for self-tests and measurements that need no meaning.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "framework/model/architecture/decoder_config.h"
#include "framework/model/load.h"

namespace specula {

// Writes config.json and model.safetensors of any architecture into `folder`, which is made if it does not exist.
// Linear weights are uniform with variance 1 / inputs, norms near one, biases small, so that activations keep their
// size.
void write_random_model(const std::filesystem::path& folder, const std::string& config_json, uint64_t seed,
                        Dtype dtype);
// The same of a Llama model.
void write_random_llama(const std::filesystem::path& folder, const DecoderConfig& config, uint64_t seed, Dtype dtype);

}  // namespace specula
