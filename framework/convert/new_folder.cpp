#include "framework/convert/new_folder.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "framework/core/error.h"

namespace specula {

namespace fs = std::filesystem;

NewFolder::NewFolder(const fs::path& folder) : folder_(folder) {
  if (folder_.empty()) throw ConfigError("the folder to write has no name");
  if (folder_.filename().empty()) folder_ = folder_.parent_path();  // "out/"
  std::error_code failed;
  const bool taken = fs::exists(fs::symlink_status(folder_, failed));
  if (taken && (!fs::is_directory(folder_, failed) || !fs::is_empty(folder_, failed) || failed)) {
    throw ConfigError(cat(folder_.string(), ": exists and is not an empty folder; expected a new one"));
  }
  failed.clear();  // that there is nothing was one
  if (folder_.has_parent_path()) fs::create_directories(folder_.parent_path(), failed);
  std::string name = folder_.string() + ".tmp-XXXXXX";
  if (failed || ::mkdtemp(name.data()) == nullptr) {
    throw Error(cat(name, ": cannot create: ", failed ? failed.message() : std::strerror(errno)));
  }
  temporary_ = name;
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

void NewFolder::commit() {
  ::chmod(temporary_.c_str(), 0755);  // mkdtemp's own is for its owner alone
  if (::rename(temporary_.c_str(), folder_.c_str()) != 0) {
    throw Error(cat(folder_.string(), ": cannot rename ", temporary_.string(), " to it: ", std::strerror(errno)));
  }
  committed_ = true;
}

}  // namespace specula
