#include "experiments/run/model_size.h"

#include "framework/core/files.h"
#include "framework/model/architecture/decoder_config.h"
#include "framework/model/load.h"

namespace specula {
namespace {

bool is_table(const std::string& name, const DecoderConfig& config) {
  return name == "positions.weight" || (name == "embedding.weight" && !config.tied);
}

// Which of its layer's experts the tensor belongs to; -1: none.
int64_t expert_of(const std::string& name) {
  static const std::string kExperts = ".mlp.experts.";
  const size_t at = name.find(kExperts);
  return at == std::string::npos ? -1 : std::stoll(name.substr(at + kExperts.size()));
}

}  // namespace

ModelSize model_size(const std::filesystem::path& folder) {
  const ModelInfo info = read_model_info(folder);
  if (!info.head.empty()) return {.active = info.parameters};
  const std::filesystem::path file = folder / "config.json";
  const DecoderConfig config = parse_decoder_config(read_file(file), file.string());
  ModelSize size{.layers = config.layers, .attention_width = config.heads * config.head_dim};
  for (const TensorSpec& tensor : expected_tensors(config)) {
    if (is_table(tensor.name, config) || expert_of(tensor.name) >= config.experts.top) continue;
    int64_t elements = 1;
    for (const int64_t n : tensor.shape) elements *= n;
    size.active += elements;
  }
  return size;
}

}  // namespace specula
