// NumPy's file format for one float32 matrix, written row by row.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>

namespace specula {

// The file appears under its name when finish() is called; until then, and after an error, whatever was there stays.
class NpyWriter {
 public:
  NpyWriter(std::filesystem::path file, int64_t rows, int64_t columns);  // throws Error if it cannot be written
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;
  void append(std::span<const float> values);  // whole rows, row-major
  void finish();                               // throws Error unless every row was written

 private:
  std::filesystem::path file_, temporary_;
  std::ofstream out_;
  int64_t missing_;  // values not yet written
};

}  // namespace specula
