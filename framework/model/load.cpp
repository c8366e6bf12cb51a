#include "framework/model/load.h"

#include "framework/model/checkpoint.h"
#include "framework/model/llama_model.h"

namespace specula {

const char* name_of(Dtype dtype) { return dtype == Dtype::kFloat32 ? "fp32" : "bf16"; }

Dtype parse_dtype(const std::string& text, const std::string& place) {
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kBfloat16}) {
    if (text == name_of(dtype)) return dtype;
  }
  throw ConfigError(cat(place, ": unknown dtype '", text, "'", suggestion(text, {"fp32", "bf16"})));
}

Dtype choose_dtype(const std::string& text, const ModelInfo& info, const std::string& place) {
  return text == "auto" ? info.stored : parse_dtype(text, place);
}

ModelInfo read_model_info(const std::filesystem::path& folder) { return Checkpoint(folder).info(); }

std::unique_ptr<LoadedModel> load_model(const std::filesystem::path& folder, Dtype dtype) {
  const Checkpoint checkpoint(folder);
  return std::make_unique<LlamaModel>(checkpoint, dtype, make_kernels(dtype == Dtype::kBfloat16));
}

}  // namespace specula
