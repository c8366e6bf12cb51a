// A file that is mapped into memory, read only: for indexes of which a lookup touches few pages.  A file that is
// replaced by a rename stays mapped as it was; one that is cut in place meanwhile ends the process with SIGBUS, so
// whatever writes such files writes them atomically.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace specula {

class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // throws Error
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const uint8_t> bytes() const { return {data_, size_}; }

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace specula
