// A file of named tensors, whatever its format: where each lies, and its bytes.  Licence: Apache-2.0.
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
  std::string dtype;           // as safetensors spells it: "BF16"
  std::vector<int64_t> shape;  // every size >= 0
  size_t begin = 0, end = 0;   // bytes within the file, end - begin == elements * element size
  int64_t elements() const;
};

std::string shape_text(const std::vector<int64_t>& shape);  // "[2, 3]"

class TensorFile {
 public:
  explicit TensorFile(const std::filesystem::path& path) : path_(path.string()), file_(path) {}  // throws Error
  virtual ~TensorFile() = default;
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  const std::string& path() const { return path_; }
  const std::vector<TensorEntry>& entries() const { return entries_; }  // by position in the file
  uint64_t size() const { return file_.size(); }
  // Fills `out` with the tensor's bytes from `offset` on, little-endian.  From any thread; throws Error.
  void read(const TensorEntry& entry, size_t offset, std::span<uint8_t> out) const;

 protected:
  std::string path_;
  RandomFile file_;
  std::vector<TensorEntry> entries_;
};

// *.safetensors, or what torch.save writes (*.bin, *.pt, *.pth).  Throws Error, naming the endings that are known.
std::unique_ptr<TensorFile> open_tensor_file(const std::filesystem::path& path);

}  // namespace specula
