// What the fuzz targets share.  A target hands its reader bytes in memory or in a file that lies in memory, and lets
// pass what a reader may throw at a bad file: specula::Error.  Anything else, a broken invariant included, ends the
// process and is a finding.  Licence: Apache-2.0.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "framework/core/error.h"

namespace specula::fuzz {

// A file without a disk, one for the process, that holds what was put into it last.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", 0)) {}
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const { return cat("/proc/self/fd/", descriptor_); }
  void put(const uint8_t* data, size_t size) const {
    if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, data, size, 0) != static_cast<ssize_t>(size))
      std::abort();
  }

 private:
  int descriptor_;
};

// A folder in which `names` are the memory file.
class MemoryFolder {
 public:
  explicit MemoryFolder(std::initializer_list<const char*> names) {
    std::string name = (std::filesystem::temp_directory_path() / "specula-fuzz-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
    for (const char* file : names) std::filesystem::create_symlink(file_.path(), path_ / file);
  }
  ~MemoryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  void put(const uint8_t* data, size_t size) const { file_.put(data, size); }

 private:
  MemoryFile file_;
  std::filesystem::path path_;
};

template <class Act>
void errors_may_pass(const Act& act) {
  try {
    act();
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): what a reader says of a bad file
  }
}

}  // namespace specula::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
