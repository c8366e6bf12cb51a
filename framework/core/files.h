// Files: whole reads, reads of parts, atomic writes, and the append-only line file that records go to.  Errors name the
// path and what the system said.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace specula {

std::string read_file(const std::filesystem::path& path);  // throws Error
// Writes to a temporary neighbour, syncs and renames: a reader sees the old file or the new one, never half.
void write_file_atomically(const std::filesystem::path& path, const std::string& content);
// The same of parts that follow each other, for files that should not be put together in memory.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> parts);
std::string sha256(const std::string& content);                 // 64 hex digits
std::string sha256_of_file(const std::filesystem::path& path);  // read in parts; throws Error

// A file that is read in parts, by any number of threads.  Not mapped: a page fault costs more than the copy of a page
// that is read once, and a file that shrinks meanwhile is an error instead of a signal.
class RandomFile {
 public:
  explicit RandomFile(const std::filesystem::path& path);  // throws Error
  ~RandomFile();
  RandomFile(const RandomFile&) = delete;
  RandomFile& operator=(const RandomFile&) = delete;
  size_t size() const { return size_; }
  void read(size_t offset, std::span<uint8_t> out) const;  // fills all of `out`; throws Error

 private:
  std::string path_;
  int descriptor_ = -1;
  size_t size_ = 0;
};

// A new file that is written front to back in parts.  finish() says that it is whole; errors (a full disk) name it.
class FileWriter {
 public:
  explicit FileWriter(const std::filesystem::path& path);  // throws Error
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  void append(std::string_view bytes);  // throws Error
  void finish();                        // syncs; throws Error

 private:
  std::string path_;
  int descriptor_ = -1;
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
