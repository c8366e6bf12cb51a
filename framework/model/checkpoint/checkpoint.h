// A Hugging Face folder, opened and checked but not loaded: config.json, one model.safetensors (or
// pytorch_model.bin, read without running it) or the shards that its index names, every tensor the model needs present
// with its shape and a dtype that can be read. Tensors go by the names of decoder_config.h, whatever a family's files
// call them and however they are kept there. Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "framework/core/token.h"
#include "framework/model/architecture/decoder_config.h"
#include "framework/model/checkpoint/stored_tensor.h"
#include "framework/model/load.h"

namespace specula {

class Checkpoint {
 public:
  explicit Checkpoint(const std::filesystem::path& folder);  // throws Error
  // Of one file whose config.json says nothing of its sizes: `config` stands for it.
  Checkpoint(const std::filesystem::path& folder, const std::filesystem::path& file, std::string config);
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
  // Of a head that drafts a part of the vocabulary: which token each of its outputs is.  Throws Error.
  std::vector<Token> draft_tokens() const;
  // The whole tensor as float32.
  std::vector<float> read(const std::string& name) const;

 private:
  struct Located {
    const TensorSpec* spec;
    StoredTensor stored;                                                      // no file where it is packed
    std::optional<PackedTensor> packed{};                                     // 4-bit integers
    bool is_whole() const { return spec->transposed || packed.has_value(); }  // its rows are not rows of the file
  };
  const Located& located(const std::string& name) const;
  void read_tensors();
  void open_files();
  void open_shards(const std::filesystem::path& index);
  void open_file(const std::filesystem::path& path);
  void locate(const TensorFile& file);
  void choose_prefix();
  void check_tensors();
  std::optional<PackedTensor> find_packed(const TensorSpec& spec, std::set<std::string>& wanted) const;
  void check_stored(const TensorSpec& spec, const StoredTensor& at) const;
  void refuse_missing(const std::vector<std::string>& missing) const;
  void refuse_unexpected(const std::vector<std::string>& unexpected) const;
  Matrix matrix_of(const Located& from) const;

  std::filesystem::path folder_;
  std::string config_text_;
  DecoderConfig config_;
  std::vector<std::unique_ptr<TensorFile>> files_;
  std::map<std::string, StoredTensor> stored_;  // by the names in the files
  std::vector<TensorSpec> all_specs_;
  std::map<std::string, Located> specs_;

  mutable WholeMatrices whole_;
};

}  // namespace specula
