#include "experiments/run/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "framework/core/error.h"

namespace specula {

FileLock::FileLock(const std::filesystem::path& file)
    : file_(file), descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) fail("open");
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool FileLock::take() {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK) fail("lock");
  return false;
}

void FileLock::wait() {
  while (::flock(descriptor_, LOCK_EX) != 0) {
    if (errno != EINTR) fail("lock");
  }
}

void FileLock::fail(const char* what) const {
  throw Error(cat(file_.string(), ": cannot ", what, ": ", std::strerror(errno)));
}

}  // namespace specula
