// The number formats that a model can be decoded in.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

// What weights are kept in.  kInt8: 8-bit weights, one scale an output, and rows quantized to 8 bits as they come.
// kInt8Weights: the same weights, rows stay float32.  kInt4: 4-bit weights, one scale for 32 inputs of an output, rows
// as in kInt8; its head is kInt8.  Embeddings and caches of all three are bfloat16.
enum class Dtype { kFloat32, kBfloat16, kInt8, kInt8Weights, kInt4 };

const char* name_of(Dtype dtype);        // "fp32", "bf16", "int8", "int8w", "int4"
std::vector<std::string> dtype_names();  // all of them
bool is_quantized(Dtype dtype);          // of fewer bits than a checkpoint holds: its quality must be measured
Dtype parse_dtype(const std::string& text, const std::string& place);  // one of dtype_names(); throws ConfigError

}  // namespace specula
