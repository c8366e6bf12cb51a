// A model on its way into a Hugging Face folder: the small files as text, the weights as functions that read them row
// by row, so that no tensor has to fit into memory.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace specula {

// Fills [count, row size] float32 with the rows of a tensor from `first` on; a row is its innermost dimension.
using ReadRows = std::function<void(int64_t first, int64_t count, float* out)>;

struct Weight {
  std::string name;
  std::string dtype;           // as safetensors spells it: F32, F16, BF16; I64 of whole numbers that a float holds
  std::vector<int64_t> shape;  // outermost first
  ReadRows read;
  int64_t row_size() const { return shape.back(); }
  int64_t rows() const;
  uint64_t bytes() const;  // in the file
};

struct SmallFile {
  std::string name, content;
};

struct ConvertedModel {
  std::vector<SmallFile> files;  // config.json, the tokenizer's
  std::vector<Weight> weights;   // what they read from must outlive them
};

// What weights are written in.  kAsStored: 32- and 16-bit floats as they are, quantized ones as bfloat16.
enum class WrittenDtype { kAsStored, kFloat32, kFloat16, kBfloat16 };
std::vector<std::string> written_dtype_names();                                       // "auto", "fp32", "fp16", "bf16"
WrittenDtype parse_written_dtype(const std::string& text, const std::string& place);  // throws ConfigError
// How safetensors spells it; `stored` is the file's own format.
std::string safetensors_dtype(WrittenDtype dtype, const std::string& stored);

struct WriteOptions {
  uint64_t shard_bytes = uint64_t{5} << 30;  // of one file of weights
  // Called with the bytes of weights that are written, and all; what it throws ends the writing.
  std::function<void(uint64_t done, uint64_t total)> progress = [](uint64_t /*done*/, uint64_t /*total*/) {};
  // Called with the complete folder before it gets its name; what it throws keeps it from existing.
  std::function<void(const std::filesystem::path& folder)> check = [](const std::filesystem::path& /*folder*/) {};
};

// Writes a neighbour and renames it: `folder` exists whole or not at all.  Throws Error if it exists and is not empty.
void write_model(const ConvertedModel& model, const std::filesystem::path& folder, const WriteOptions& options = {});

}  // namespace specula
