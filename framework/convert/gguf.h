// Reader of GGUF files, versions 2 and 3, little-endian: the metadata, the table of tensors, and tensors as float32 in
// any number of rows.  Nothing that a file claims is used before it was checked against its size: lengths, counts,
// nesting, formats, shapes, offsets, overlaps, names that occur twice.  Format:
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "framework/convert/block_format.h"
#include "framework/core/files.h"

namespace specula {

// An integer beyond int64 is kept as a double.  An array of arrays is read past: nothing asks for one.
struct GgufNested {};
using GgufValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>, GgufNested>;

struct GgufTensor {
  std::string name;
  const BlockFormat* format = nullptr;
  std::vector<int64_t> shape;   // outermost first (the file has it the other way round), 1 to 4 sizes >= 1
  uint64_t begin = 0, end = 0;  // bytes within the file
  int64_t row_size() const { return shape.back(); }
  int64_t rows() const;  // of row_size() values
};

class GgufFile {
 public:
  explicit GgufFile(const std::filesystem::path& path);  // throws Error
  const std::string& path() const { return path_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in the order of the file
  const std::map<std::string, GgufValue>& metadata() const { return values_; }

  // Metadata by key.  Throws Error naming key, value and range where one is missing, of another type or out of range.
  bool has(const std::string& key) const { return values_.contains(key); }
  int64_t integer(const std::string& key, int64_t low, int64_t high) const;
  int64_t integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const;
  double number(const std::string& key, double low, double high) const;
  double number_or(const std::string& key, double fallback, double low, double high) const;
  bool flag_or(const std::string& key, bool fallback) const;
  const std::string& text(const std::string& key) const;
  const std::vector<std::string>& texts(const std::string& key) const;
  const std::vector<int64_t>& integers(const std::string& key) const;
  const std::vector<double>& numbers(const std::string& key) const;

  // Rows of `tensor` from `first` on.  From any thread; throws Error.
  void read_rows(const GgufTensor& tensor, int64_t first, int64_t count, float* out) const;

  [[noreturn]] void fail(const std::string& what) const;  // names the file

 private:
  template <class T>
  const T& typed(const std::string& key, const char* expected) const;

  std::string path_;
  RandomFile file_;
  std::map<std::string, GgufValue> values_;
  std::vector<GgufTensor> tensors_;
};

// "an integer", "a list of texts", ...
std::string kind_of(const GgufValue& value);

}  // namespace specula
