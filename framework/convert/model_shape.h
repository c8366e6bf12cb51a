// What a converter knows of a model of the Llama family, and its config.json in the spelling of transformers 5.  Sizes
// are bounded where they are read.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace specula {

struct RotaryScaling {
  enum class Type { kNone, kLinear, kLlama3 } type = Type::kNone;
  double factor = 1;                   // linear, llama3
  double low_freq = 1, high_freq = 4;  // llama3
  int64_t original_context = 0;        // llama3
};

struct ModelShape {
  std::string architecture = "LlamaForCausalLM", model_type = "llama";
  int64_t vocab = 0, hidden = 0, intermediate = 0, layers = 0;
  int64_t heads = 0, kv_heads = 0, head_dim = 0, context = 0;
  double rms_norm_eps = 1e-5, rope_theta = 10000;
  RotaryScaling scaling;
  bool attention_bias = false, tied = false;
  std::string dtype = "F32";  // of the embedding, as safetensors spells it
  int64_t bos = -1;           // -1: none
  std::vector<int64_t> stops;
};

// Largest sizes that a file may claim; a loader bounds them likewise.
inline constexpr int64_t kMostVocab = int64_t{1} << 22, kMostHidden = int64_t{1} << 17,
                         kMostIntermediate = int64_t{1} << 19, kMostLayers = 1024, kMostHeads = 4096,
                         kMostHeadDim = 1024, kMostContext = int64_t{1} << 27;

// Throws Error naming `place` where heads and sizes do not fit each other.
void check_shape(const ModelShape& shape, const std::string& place);
std::string config_json(const ModelShape& shape);

// llama.cpp stores, instead of the rule that stretches a Llama 3 model's wavelengths, what each frequency was divided
// by, [head_dim / 2].  Returns a rule that gives these factors, or nothing where none does.
std::optional<RotaryScaling> rule_of_factors(const std::vector<float>& factors, const ModelShape& shape);

}  // namespace specula
