// A family of architectures: how its config.json is read, and where its files keep the tensors.  A new architecture is
// an entry in a family, or a file family_*.cpp with a list of its own and a line in families().  Licence: Apache-2.0.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "framework/model/architecture/architectures.h"
#include "framework/model/architecture/config_fields.h"
#include "framework/model/architecture/tensor_map.h"

namespace specula {

struct Family {
  Architecture architecture;
  void (*read)(const ConfigFields& fields, DecoderConfig& config);
  std::vector<TensorSpec> (*map)(const DecoderConfig& config);
  std::vector<std::string> prefixes{""};  // name_prefixes()
  std::vector<std::string> ignored{};     // beginnings of stored names that are of no use here
};

// Heads, in the order in which they are looked for: `has` is asked of the names of the tensors.
struct HeadFamily {
  Family family;
  bool (*is_one)(const std::set<std::string>& tensors);
  // What the names alone say, before Family::read.
  void (*look)(const std::set<std::string>& tensors, DecoderConfig& config);
};
std::vector<HeadFamily> head_families();

std::vector<Family> llama_families();   // Llama and what differs from it in options
std::vector<Family> expert_families();  // Mixtral, Qwen-MoE
std::vector<Family> gemma_families();
std::vector<Family> phi_families();  // Phi, Phi-3, StableLM, Starcoder2
std::vector<Family> gpt_families();  // GPT-2, GPT-NeoX, OPT, Falcon

inline constexpr int64_t kMostVocab = int64_t{1} << 22, kMostHidden = int64_t{1} << 17, kMostLayers = 1024,
                         kMostHeads = 4096, kMostHeadDim = 1024, kMostPositions = int64_t{1} << 27,
                         kMostIntermediate = int64_t{1} << 19;

// What most config.json spell alike.  Values are those of a file that leaves the field out; 0: it must be there.
struct UsualSizes {
  int64_t vocab = 0, hidden = 0, intermediate = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, context = 2048;
  std::string intermediate_field = "intermediate_size";
};
// Vocabulary, sizes, heads and context.  kv_heads 0: as many as heads; head_dim 0: hidden / heads.
void read_sizes(const ConfigFields& fields, const UsualSizes& usual, DecoderConfig& config);
// "silu", "gelu_pytorch_tanh", ... as transformers names them.
Activation read_activation(const ConfigFields& fields, const std::string& field, const std::string& otherwise);
// layer_types, where it is given, else what `slides` says of a layer; windows are `window` keys.
template <class Slides>
void set_windows(const ConfigFields& fields, int64_t window, Slides slides, DecoderConfig& config) {
  const std::vector<std::string> types = fields.texts("layer_types");
  if (!types.empty() && static_cast<int64_t>(types.size()) != config.layers)
    fields.fail("layer_types", "must have an entry for each layer");
  for (int64_t l = 0; l < config.layers; ++l) {
    if (!types.empty()) {
      const std::string& type = types[static_cast<size_t>(l)];
      if (type != "full_attention" && type != "sliding_attention")
        fields.fail("layer_types", "holds '" + type + "'; valid: full_attention, sliding_attention");
    }
    const bool is_sliding = types.empty() ? slides(l) : types[static_cast<size_t>(l)] == "sliding_attention";
    if (is_sliding && window == 0) fields.fail("sliding_window", "is missing, but layers slide");
    config.windows.push_back(is_sliding ? window : 0);
  }
}

}  // namespace specula
