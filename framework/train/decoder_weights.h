// A decoder's parameters from scratch, from a folder, with some of its layers left out, and as a Hugging Face folder
// again.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/convert/converted_model.h"
#include "framework/core/tensor.h"
#include "framework/model/architecture/decoder_config.h"

namespace specula {

using Parameters = std::map<std::string, Tensor>;  // by their names in TensorSpec

// A decoder, and what its folder says beside its weights.
struct TrainableDecoder {
  DecoderConfig config;
  Parameters parameters;
  std::vector<SmallFile> files{};  // config.json, the tokenizer's
};

// Matrices are normal with deviation 0.02, those that lead back into the residual stream with 0.02 / sqrt(2 layers)
// (Radford et al. 2019); norms are 1, biases 0.
Parameters initial_parameters(const DecoderConfig& config, uint64_t seed);
// [outputs,inputs], normal with deviation 0.02; `stream` tells matrices of one seed apart.
Tensor random_matrix(int64_t outputs, int64_t inputs, uint64_t seed, int64_t stream);

TrainableDecoder read_decoder(const std::filesystem::path& folder);  // throws Error

// The files of a tokenizer and of its texts that a folder has.
std::vector<SmallFile> copied_tokenizer(const std::filesystem::path& folder);

// The decoder of the layers named, in their order.  Throws ConfigError for a layer that it does not have, and for an
// architecture whose layers differ from each other.
TrainableDecoder keep_layers(const TrainableDecoder& decoder, const std::vector<int>& layers);

// `folder` (new or empty) exists whole or not at all; `more` are tensors beside the decoder's.  Throws Error.
void write_decoder(const TrainableDecoder& decoder, WrittenDtype dtype, const std::filesystem::path& folder,
                   const std::vector<Weight>& more = {});

}  // namespace specula
