// A folder of this process's own, which goes with the object.  Licence: Apache-2.0.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include "framework/core/error.h"

namespace specula {

class ScratchFolder {
 public:
  // Made in `within`; empty: the system's folder for temporary files.
  explicit ScratchFolder(const std::string& name, const std::filesystem::path& within = {})
      : path_((within.empty() ? std::filesystem::temp_directory_path() : within) /
              cat("specula-", name, "-", ::getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace specula
