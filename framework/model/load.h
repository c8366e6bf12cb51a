// From a Hugging Face folder to a model: what can be known before any weights load, and the loading itself.
// Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "framework/model/dtype.h"
#include "framework/model/language_model.h"

namespace specula {

class LoadedModel;

// Read from config.json and the safetensors headers alone: cheap, and wrong folders fail here with a one-line error.
struct ModelInfo {
  std::string path, architecture;
  std::string head{};  // HeadTraits::kind of a head of another model; "": a model of its own
  int64_t vocab = 0, context = 0, layers = 0, hidden = 0, parameters = 0;
  Dtype stored = Dtype::kFloat32;  // what the checkpoint holds (float16 counts as kFloat32: it is loaded as such)
  std::string fingerprint;         // sha256 over config.json, the tensor index (names, shapes, offsets) and file sizes
};
ModelInfo read_model_info(const std::filesystem::path& folder);  // throws Error
// "auto" is what the checkpoint holds, anything else parse_dtype().
Dtype choose_dtype(const std::string& text, const ModelInfo& info, const std::string& place);

// A loaded model that also knows what it costs.
class LoadedModel : public LanguageModel {
 public:
  virtual const ModelInfo& info() const = 0;
  int64_t layers() const final { return info().layers; }
  virtual Dtype dtype() const = 0;
  virtual std::string engine() const = 0;  // what computes its products: "own: AVX3 + AVX512-BF16", "ATen on cuda:0"
  // Every sum runs in an order that the shape of a pass does not change.  Without this a check that passes was luck.
  virtual bool is_invariant_by_construction() const = 0;
  virtual int64_t weight_bytes() const = 0;       // read by a pass over one row (an embedding table is not read whole)
  virtual int64_t kv_bytes_per_slot() const = 0;  // of one sequence, all layers
};
struct LoadOptions {
  Dtype dtype = Dtype::kFloat32;
  std::string device =
      "cpu";  // "cpu": the own engine; "aten": LibTorch's operators on the CPU; "cuda", "cuda:1": on a GPU
  const LoadedModel* target = nullptr;  // of a head: what it drafts for, which must outlive it; else not looked at
};
std::unique_ptr<LoadedModel> load_model(const std::filesystem::path& folder,
                                        const LoadOptions& options);  // throws Error

}  // namespace specula
