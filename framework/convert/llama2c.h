// Checkpoints of llama2.c (https://github.com/karpathy/llama2.c): the legacy .bin without a version, version 1
// (float32) and version 2 (int8 in groups with a float32 scale), and its tokenizer.bin.  Everything follows from the
// header, so a file must be exactly as long as that says.  Licence: Apache-2.0.
#pragma once

#include <filesystem>

#include "framework/convert/converted_model.h"
#include "framework/convert/model_shape.h"
#include "framework/core/files.h"

namespace specula {

class Llama2cFile {
 public:
  explicit Llama2cFile(const std::filesystem::path& path);  // throws Error
  const std::string& path() const { return path_; }
  const ModelShape& shape() const { return shape_; }
  int version() const { return version_; }  // 0: legacy

  // One tensor of the file: `rows` rows of `row_size`, float32 or quantized.
  struct Matrix {
    int64_t rows = 0, row_size = 0;
    uint64_t values = 0, scales = 0;  // bytes within the file; scales: 0 for float32
  };
  const Matrix& embedding() const { return embedding_; }
  const Matrix& head() const { return head_; }  // no rows where it is the embedding
  const Matrix& final_norm() const { return final_norm_; }
  enum class Part { kAttentionNorm, kQuery, kKey, kValue, kOutput, kFfnNorm, kGate, kDown, kUp, kParts };
  const Matrix& layer(Part part, int64_t index) const;

  void read_rows(const Matrix& matrix, int64_t first, int64_t count, float* out) const;  // throws Error

 private:
  void read_header();
  void read_sizes(size_t at);
  void lay_out();
  Matrix next(int64_t rows, int64_t row_size, bool quantized);
  void next_layers(Part part, int64_t rows, int64_t row_size, bool quantized);
  [[noreturn]] void fail(const std::string& what) const;

  std::string path_;
  RandomFile file_;
  int version_ = 0;
  ModelShape shape_;
  int64_t group_ = 0;  // values that share a scale
  uint64_t at_ = 0;    // where the next tensor begins
  Matrix embedding_, head_, final_norm_;
  std::vector<Matrix> layers_[static_cast<size_t>(Part::kParts)];
};

// `vocabulary`: a tokenizer.bin, or empty for a folder without a tokenizer.  Throws Error; `file` must outlive the
// result.
ConvertedModel convert_llama2c(const Llama2cFile& file, const std::filesystem::path& vocabulary, WrittenDtype dtype);

// tokenizer.bin as tokenizer.model.  `vocab` pieces are read; the file must hold no more.  Throws Error.
std::string llama2c_tokenizer_model(const std::filesystem::path& path, int64_t vocab);

}  // namespace specula
