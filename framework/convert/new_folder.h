// A folder that appears whole or not at all: filled under a name beside its own and renamed at the end.  Licence:
// Apache-2.0.
#pragma once

#include <filesystem>

namespace specula {

class NewFolder {
 public:
  // Throws Error if `folder` exists and is not an empty folder, or if nothing can be written beside it.
  explicit NewFolder(const std::filesystem::path& folder);
  ~NewFolder();  // removes what was not committed
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  const std::filesystem::path& path() const { return temporary_; }  // to write into
  void commit();                                                    // throws Error

 private:
  std::filesystem::path folder_, temporary_;
  bool committed_ = false;
};

}  // namespace specula
