// config.json of the Llama family, read and bounded: every size is checked before it is used to compute anything.  Both
// spellings of the rotary embedding are read: rope_theta with rope_scaling (transformers 4) and rope_parameters
// (transformers 5). Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace specula {

enum class RopeType { kDefault, kLinear, kLlama3 };

struct Rope {
  double theta = 10000;
  RopeType type = RopeType::kDefault;
  double factor = 1;                                 // linear, llama3
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  int64_t original_max_position_embeddings = 8192;   // llama3
};

struct LlamaConfig {
  std::string architecture = "LlamaForCausalLM";
  int64_t vocab = 0, hidden = 0, intermediate = 0, layers = 0;
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  int64_t context = 0;
  double rms_norm_eps = 1e-6;
  bool attention_bias = false, mlp_bias = false, tied = false;
  Rope rope;
};

// `place` names the file in error texts.  Throws Error.
LlamaConfig parse_llama_config(const std::string& json_text, const std::string& place);

// The same in the spelling of transformers 5.
std::string to_json(const LlamaConfig& config, const std::string& dtype);

// [head_dim / 2] radians per position, scaled as the config says.
std::vector<float> rope_frequencies(const LlamaConfig& config);

// One tensor that the model needs, with the shape that the config implies.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
};
std::vector<TensorSpec> expected_tensors(const LlamaConfig& config);

}  // namespace specula
