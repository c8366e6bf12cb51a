// An advisory lock (flock) on a file, which is made if need be.  It ends with the object, and with the process however
// that ends.  Licence: Apache-2.0.
#pragma once

#include <filesystem>

namespace specula {

class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& file);  // not yet taken; throws Error
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool take();  // false: another process holds it.  Throws Error where the file system has no locks
  void wait();  // until it is taken; throws Error

 private:
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace specula
