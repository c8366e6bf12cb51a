#include "experiments/npy.h"

#include <bit>
#include <cerrno>
#include <cstring>

#include "framework/core/error.h"

namespace specula {

NpyWriter::NpyWriter(std::filesystem::path file, int64_t rows, int64_t columns)
    : file_(std::move(file)),
      temporary_(file_.string() + ".tmp"),
      out_(temporary_, std::ios::binary),
      missing_(rows * columns) {
  static_assert(std::endian::native == std::endian::little, "the header says little endian");
  if (!out_) throw Error(cat(temporary_.string(), ": cannot create: ", std::strerror(errno)));
  // Version 1.0: magic, version, header length, a Python dict padded with spaces so that the data begins at a multiple
  // of 64.
  std::string header = cat("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows, ", ", columns, "), }");
  constexpr size_t kBefore = 10;
  header.resize((kBefore + header.size() + 1 + 63) / 64 * 64 - kBefore - 1, ' ');
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());
  out_.write("\x93NUMPY\x01\x00", 8);
  out_.write(reinterpret_cast<const char*>(&length), sizeof(length));
  out_ << header;
}

NpyWriter::~NpyWriter() {
  std::error_code ignored;
  if (out_.is_open()) std::filesystem::remove(temporary_, ignored);
}

void NpyWriter::append(std::span<const float> values) {
  missing_ -= static_cast<int64_t>(values.size());
  SPECULA_CHECK(missing_ >= 0, "missing=", missing_);
  out_.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
}

void NpyWriter::finish() {
  SPECULA_CHECK(missing_ == 0, "missing=", missing_);
  out_.flush();
  if (!out_) throw Error(temporary_.string() + ": cannot write (is the disk full?)");
  std::filesystem::rename(temporary_, file_);
  out_.close();
}

}  // namespace specula
