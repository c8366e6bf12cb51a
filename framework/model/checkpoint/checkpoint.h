// A Hugging Face folder, opened and checked but not loaded: config.json, one model.safetensors or the shards that
// model.safetensors.index.json names, every tensor the model needs present with its shape and a dtype that can be read.
// Tensors go by the names of decoder_config.h, whatever a family's files call them and however they are kept there.
// Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "framework/model/architecture/decoder_config.h"
#include "framework/model/checkpoint/safetensors.h"
#include "framework/model/load.h"

namespace specula {

class Checkpoint {
 public:
  explicit Checkpoint(const std::filesystem::path& folder);  // throws Error
  const DecoderConfig& config() const { return config_; }
  ModelInfo info() const;

  bool has(const std::string& name) const { return specs_.contains(name); }
  const std::vector<int64_t>& shape(const std::string& name) const { return located(name).spec->shape; }
  // [row_count, row_size] elements of a tensor, starting with `first_row` of its outermost dimension, as float32.
  // From any thread.
  void read_rows(const std::string& name, int64_t first_row, int64_t row_count, float* out) const;
  // Does the file hold the tensor's rows in `dtype` (float32, bfloat16), so that read_bits() may be used?
  bool holds(const std::string& name, Dtype dtype) const;
  // The same rows as the file holds them.
  void read_bits(const std::string& name, int64_t first_row, int64_t row_count, void* out) const;
  // The whole tensor as float32.
  std::vector<float> read(const std::string& name) const;

 private:
  struct Stored {
    const SafetensorsFile* file;
    const TensorEntry* entry;
    int64_t elements_of_row() const;
    int64_t element_bytes() const { return entry->dtype == "F32" ? 4 : 2; }
  };
  struct Located {
    const TensorSpec* spec;
    const Stored* stored;
  };
  const Located& located(const std::string& name) const;
  const Stored& stored(const std::string& name) const;
  void open_files();
  void open_shards(const std::filesystem::path& index);
  void locate(const SafetensorsFile& file);
  void choose_prefix();
  void check_tensors();
  void refuse_missing(const std::vector<std::string>& missing) const;
  void refuse_unexpected(const std::vector<std::string>& unexpected) const;
  void refuse_other_formats() const;
  std::shared_ptr<const std::vector<float>> columns_of(const Stored& from) const;

  std::filesystem::path folder_;
  std::string config_text_;
  DecoderConfig config_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, Stored> stored_;  // by the names in the files
  std::vector<TensorSpec> all_specs_;
  std::map<std::string, Located> specs_;

  // The last tensor that is kept as [inputs,outputs], turned around: its rows are asked for one after the other.
  mutable std::mutex turning_;
  mutable const TensorEntry* turned_of_ = nullptr;
  mutable std::shared_ptr<const std::vector<float>> turned_;
};

}  // namespace specula
