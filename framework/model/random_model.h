// Checkpoints of random weights, for self-tests and measurements that need no meaning.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "framework/model/architecture/decoder_config.h"
#include "framework/model/load.h"

namespace specula {

// Writes config.json and model.safetensors of any architecture into `folder`, which is made if it does not exist.
// Linear weights are uniform with variance 1 / inputs, norms near one, biases small, so that activations keep their
// size.
// `tensors`: of a head, names by which its kind is told (parse_decoder_config).
void write_random_model(const std::filesystem::path& folder, const std::string& config_json, uint64_t seed, Dtype dtype,
                        const std::set<std::string>& tensors = {});
// The same of any tensors, by their names in the file: heads that are no decoders.
void write_random_tensors(const std::filesystem::path& folder, const std::string& config_json,
                          const std::vector<TensorSpec>& tensors, uint64_t seed, Dtype dtype);
// The same of a Llama model.
void write_random_llama(const std::filesystem::path& folder, const DecoderConfig& config, uint64_t seed, Dtype dtype);

}  // namespace specula
