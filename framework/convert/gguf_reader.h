// The head of a GGUF file, read front to back.  Internal to gguf*.cpp.  Licence: Apache-2.0.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/convert/gguf.h"

namespace specula {

class GgufReader {
 public:
  GgufReader(const std::string& path, const RandomFile& file) : path_(path), file_(file) {}
  void read(std::map<std::string, GgufValue>& values, std::vector<GgufTensor>& tensors);  // throws Error

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void take(void* out, size_t size, const std::string& what);
  template <class T>
  T number(const std::string& what);
  void check_version();
  std::string text(size_t most, const std::string& what);
  size_t count(size_t least_bytes, const std::string& what);
  GgufValue value(uint32_t type, const std::string& key);
  GgufValue array(const std::string& key, int depth);
  GgufValue items(uint32_t type, size_t size, const std::string& key);
  GgufTensor tensor(size_t index);
  void place(std::vector<GgufTensor>& tensors, const std::map<std::string, GgufValue>& values) const;
  void check_overlaps(const std::vector<GgufTensor>& tensors) const;
  uint64_t alignment(const std::map<std::string, GgufValue>& values) const;

  const std::string& path_;
  const RandomFile& file_;
  size_t at_ = 0;  // of the file
  std::vector<uint8_t> window_;
  size_t window_begin_ = 0;
};

}  // namespace specula
