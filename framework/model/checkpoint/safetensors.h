// Reader of safetensors files.  Nothing a header claims is used before it was checked against the file:
// length, dtype, shape, offsets, overlap, gaps.  An error is one line that names file, tensor, what was given and what
// was expected. Format: https://github.com/huggingface/safetensors#format.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "framework/core/files.h"

namespace specula {

struct TensorEntry {
  std::string name;
  std::string dtype;           // as the file spells it: "BF16"
  std::vector<int64_t> shape;  // every size >= 0
  size_t begin = 0, end = 0;   // bytes within the file, end - begin == elements * element size
  int64_t elements() const;
};

std::string shape_text(const std::vector<int64_t>& shape);  // "[2, 3]"

class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);  // throws Error
  const std::string& path() const { return path_; }
  const std::vector<TensorEntry>& entries() const { return entries_; }  // by position in the file
  uint64_t size() const { return file_.size(); }
  // Fills `out` with the tensor's bytes from `offset` on.  From any thread; throws Error.
  void read(const TensorEntry& entry, size_t offset, std::span<uint8_t> out) const;

 private:
  std::string path_;
  RandomFile file_;
  std::vector<TensorEntry> entries_;
};

}  // namespace specula
