#include "experiments/scores/sandbox_child.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

// After linux/mount.h, which has the newer calls' structs and none of this one's functions.
extern "C" int mount(const char* source, const char* target, const char* type, unsigned long flags, const void* data);
extern "C" int umount2(const char* target, int flags);

namespace specula {
namespace {

constexpr unsigned long kPrivate = 1UL << 18, kRecursive = 1UL << 14, kBind = 1UL << 12, kNoSuid = 2, kNoDev = 4;
constexpr int kDetach = 2;

[[noreturn]] void give_up(const char* step) {
  char text[96] = "!";
  const int number = errno;
  size_t n = 1;
  for (const char* c = step; *c != '\0' && n < 80; ++c) text[n++] = *c;
  text[n++] = ' ';
  char digits[8];
  int count = 0;
  for (int rest = number; rest > 0 && count < 8; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
  while (count > 0) text[n++] = digits[--count];
  const ssize_t written = ::write(kOutput, text, n);
  ::_exit(written == static_cast<ssize_t>(n) ? 125 : 126);
}

void must(bool worked, const char* step) {
  if (!worked) give_up(step);
}

// The four descriptors take their places, and no other stays open.
void take_descriptors(const SandboxSetup& setup) {
  const int high[] = {::fcntl(setup.null, F_DUPFD, 64), ::fcntl(setup.input, F_DUPFD, 64),
                      ::fcntl(setup.output, F_DUPFD, 64), ::fcntl(setup.mark, F_DUPFD, 64)};
  for (int standard = 0; standard < 3; ++standard) ::dup2(high[0], standard);
  ::dup2(high[1], kInput);
  ::dup2(high[2], kOutput);
  ::dup2(high[3], kMark);
  must(::syscall(SYS_close_range, 6U, ~0U, 0U) == 0, "close_range");
}

void write_text(const char* path, const std::string& text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  must(file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()), path);
  ::close(file);
}

void protect(const char* path, uint64_t attributes, bool whole_tree) {
  mount_attr change{};
  change.attr_set = attributes;
  const unsigned flags = whole_tree ? 0x8000U : 0U;  // AT_RECURSIVE
  must(::syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &change, sizeof change) == 0, "mount_setattr");
}

// From now on "/" is what `setup` describes.
void enter_root(const SandboxSetup& setup) {
  must(::mount("none", "/", nullptr, kRecursive | kPrivate, nullptr) == 0, "private mounts");
  must(::mount("none", setup.root.c_str(), "tmpfs", kNoSuid | kNoDev, setup.root_options.c_str()) == 0, "tmpfs");
  for (const std::string& folder : setup.folders) must(::mkdir(folder.c_str(), 0755) == 0, "mkdir");
  for (const SandboxView& view : setup.views) {
    if (!view.link.empty()) {
      must(::symlink(view.link.c_str(), view.to.c_str()) == 0, "symlink");
      continue;
    }
    must(::mount(view.from.c_str(), view.to.c_str(), nullptr, kBind | kRecursive, nullptr) == 0, "bind");
    protect(view.to.c_str(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, true);
  }
  must(::mount("none", setup.work.c_str(), "tmpfs", kNoSuid | kNoDev, setup.work_options.c_str()) == 0, "tmpfs");
  protect(setup.root.c_str(), MOUNT_ATTR_RDONLY, false);
  must(::chdir(setup.root.c_str()) == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
  must(::umount2(".", kDetach) == 0 && ::chdir("/work") == 0, "leaving the old root");
}

void set_limit(int what, int64_t value) {
  const rlimit limit{static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
  must(::setrlimit(static_cast<__rlimit_resource>(what), &limit) == 0, "setrlimit");
}

void set_limits(const SandboxLimits& limits) {
  set_limit(RLIMIT_CPU, limits.cpu_s);
  set_limit(RLIMIT_AS, limits.memory_bytes);
  set_limit(RLIMIT_FSIZE, limits.file_bytes);
  set_limit(RLIMIT_NPROC, 1);
  set_limit(RLIMIT_NOFILE, 64);
  set_limit(RLIMIT_CORE, 0);
}

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

void become_sandbox(const SandboxSetup& setup) {
  take_descriptors(setup);
  must(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
  write_text("/proc/self/setgroups", "deny");
  write_text("/proc/self/uid_map", setup.user_map);
  write_text("/proc/self/gid_map", setup.group_map);
  enter_root(setup);
  set_limits(setup.limits);
  reset_signals();
  ::umask(0077);
  must(filter_system_calls(), "seccomp");
  char* const environment[] = {nullptr};
  // A user other than 0 of its own namespace loses every capability here.
  ::execve(setup.command.front().c_str(), const_cast<char* const*>(setup.arguments.data()), environment);
  give_up("execve");
}

}  // namespace specula
