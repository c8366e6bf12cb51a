// Weights into model.safetensors, or into shards with an index where they exceed one file's size.  A few megabytes at a
// time are in memory.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/convert/converted_model.h"

namespace specula {

void write_safetensors(const std::vector<Weight>& weights, const std::filesystem::path& folder,
                       const WriteOptions& options);  // throws Error

uint16_t to_float16(float value);  // IEEE binary16, to nearest, ties to even; what is too large becomes infinite

}  // namespace specula
