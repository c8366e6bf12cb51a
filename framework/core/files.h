// Files: whole reads, atomic writes, read-only maps, and the append-only line file that records go to.  Errors name the
// path and what the system said.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace specula {

std::string read_file(const std::filesystem::path& path);  // throws Error
// Writes to a temporary neighbour, syncs and renames: a reader sees the old file or the new one, never half.
void write_file_atomically(const std::filesystem::path& path, const std::string& content);
std::string sha256(const std::string& content);  // 64 hex digits

// A file mapped read-only.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // throws Error
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  void release(size_t offset, size_t length) const;  // tells the system that these pages are not needed any more

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// An append-only file of lines with one writer.  Each line is one write(2) on an O_APPEND descriptor.  Opening
// truncates a last line that a dying process left without its newline.
class LineFile {
 public:
  explicit LineFile(const std::filesystem::path& path);  // throws Error
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;
  void append(const std::string& line);  // without newline; throws Error
  void sync();                           // fdatasync

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace specula
