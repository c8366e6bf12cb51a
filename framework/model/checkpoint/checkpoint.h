// A Hugging Face folder, opened and checked but not loaded: config.json, one model.safetensors or the shards that
// model.safetensors.index.json names, every tensor the model needs present with its shape and a dtype that can be read.
// Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/model/checkpoint/llama_config.h"
#include "framework/model/checkpoint/safetensors.h"
#include "framework/model/load.h"

namespace specula {

class Checkpoint {
 public:
  explicit Checkpoint(const std::filesystem::path& folder);  // throws Error
  const LlamaConfig& config() const { return config_; }
  ModelInfo info() const;

  // [row_count, row_size] elements of a tensor, starting with `first_row` of its outermost dimension, as float32.
  void read_rows(const std::string& name, int64_t first_row, int64_t row_count, float* out) const;
  // Does the file hold the tensor in `dtype` (float32, bfloat16)?
  bool holds(const std::string& name, Dtype dtype) const;
  // The same rows as the file holds them.
  void read_bits(const std::string& name, int64_t first_row, int64_t row_count, void* out) const;
  // The whole tensor as float32.
  std::vector<float> read(const std::string& name) const;
  const std::vector<int64_t>& shape(const std::string& name) const { return located(name).entry->shape; }

 private:
  struct Located {
    const SafetensorsFile* file;
    const TensorEntry* entry;
  };
  const Located& located(const std::string& name) const;
  int64_t row_bytes(const Located& at) const;
  void open_files();
  void open_shards(const std::filesystem::path& index);
  void locate(const SafetensorsFile& file);
  void check_tensors() const;
  void refuse_other_formats() const;

  std::filesystem::path folder_;
  std::string config_text_;
  LlamaConfig config_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, Located> tensors_;
};

}  // namespace specula
