#include "experiments/scores/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>
#include <utility>

#include "experiments/scores/sandbox_child.h"
#include "framework/core/clock.h"
#include "framework/core/error.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

// The mark is read when the tests have ended, and whoever ends before cannot have said it.
constexpr const char* kHarness = R"(
import os
with os.fdopen(3, "rb") as file:
    size = int(file.readline())
    program = file.read(size).decode("utf-8", "replace")
    tests = file.read().decode("utf-8", "replace")
names = {"__name__": "answer"}
try:
    exec(compile(program, "answer.py", "exec"), names)
    exec(compile(tests, "tests.py", "exec"), names)
    ended = b"passed " + os.read(5, 64)
except BaseException as error:
    ended = type(error).__name__.encode()
os.write(4, ended[:128])
os._exit(0)
)";

constexpr size_t kMostOutput = 256;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  int get() const { return number_; }

 private:
  int number_;
};

[[noreturn]] void fail(const std::string& what, int number) {
  throw Error(cat("the sandbox for code that models wrote: ", what, ": ", std::strerror(number)));
}

Descriptor checked(int number, const char* what) {
  if (number < 0) fail(what, errno);
  return Descriptor(number);
}

std::array<Descriptor, 2> make_pipe() {  // reading end, writing end
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe", errno);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

void write_all(const Descriptor& to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(to.get(), text.data(), text.size());
    if (n < 0) fail("write", errno);
    text.remove_prefix(static_cast<size_t>(n));
  }
}

// A file in memory: unlike a pipe it takes any length before somebody reads.
Descriptor input_of(const std::string& program, const std::string& tests) {
  Descriptor file = checked(::memfd_create("answer", MFD_CLOEXEC), "memfd_create");
  write_all(file, cat(program.size(), "\n", program, tests));
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::string random_mark() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) fail("getrandom", errno);
  std::string mark;
  for (const unsigned char byte : bytes) mark += cat("0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]);
  return mark;
}

// The system's python3, or the first on the path.
fs::path find_python() {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(cat("/usr/bin:", path == nullptr ? "" : path));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder) / "python3";
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return fs::canonical(candidate);
  }
  throw Error("the sandbox for code that models wrote: there is no python3 on the path");
}

class TemporaryFolder {
 public:
  TemporaryFolder() : path_((fs::temp_directory_path() / "specula-sandbox-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) fail("mkdtemp", errno);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { ::rmdir(path_.c_str()); }  // what was mounted on it went with its process
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void add_folder(const fs::path& inside, std::set<std::string>& made, SandboxSetup& setup) {
  fs::path path = setup.root;
  for (const fs::path& part : inside.relative_path()) {
    path /= part;
    if (made.insert(path.string()).second) setup.folders.push_back(path.string());
  }
}

void add_views(const fs::path& python, SandboxSetup& setup) {
  std::set<std::string> made;
  add_folder("/work", made, setup);
  for (const char* const name : {"/usr", "/lib", "/lib64"}) {
    if (fs::is_symlink(name)) {
      setup.views.push_back({.from = name, .to = setup.root + name, .link = fs::read_symlink(name).string()});
    } else if (fs::is_directory(name)) {
      add_folder(name, made, setup);
      setup.views.push_back({.from = name, .to = setup.root + name, .link = ""});
    }
  }
  const fs::path prefix = python.parent_path().parent_path();  // .../bin/python3.11
  if (prefix.string().starts_with("/usr")) return;
  add_folder(prefix, made, setup);
  setup.views.push_back({.from = prefix.string(), .to = setup.root + prefix.string(), .link = ""});
}

SandboxSetup setup_of(const std::string& root, const SandboxLimits& limits) {
  const fs::path python = find_python();
  SandboxSetup setup{.root = root,
                     .work = root + "/work",
                     .folders = {},
                     .views = {},
                     .user_map = cat("1000 ", ::geteuid(), " 1"),
                     .group_map = cat("1000 ", ::getegid(), " 1"),
                     .root_options = "size=1m,nr_inodes=1000,mode=0755",
                     .work_options = cat("size=", limits.folder_bytes, ",nr_inodes=1000,mode=0700"),
                     .command = {python.string(), "-I", "-S", "-B", "-c", kHarness},
                     .arguments = {},
                     .limits = limits};
  add_views(python, setup);
  for (const std::string& word : setup.command) setup.arguments.push_back(word.c_str());
  setup.arguments.push_back(nullptr);
  return setup;
}

// Reads the output until the process has ended, and ends it at the deadline.
struct Ended {
  std::string output;
  bool in_time = true;
  int status = 0;
};
Ended wait_for(pid_t process, const Descriptor& output, double seconds) {
  Ended ended;
  const double deadline = seconds_now() + seconds;
  const Descriptor handle = checked(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)), "pidfd_open");
  bool open = true, running = true;
  while (open || running) {
    const double left = deadline - seconds_now();
    ended.in_time = left > 0;
    if (!ended.in_time) break;
    std::array<pollfd, 2> waits = {pollfd{running ? handle.get() : -1, POLLIN, 0},
                                   {open ? output.get() : -1, POLLIN, 0}};
    ::poll(waits.data(), waits.size(), static_cast<int>(left * 1000) + 1);
    running = running && waits[0].revents == 0;
    if (waits[1].revents == 0) continue;
    std::array<char, kMostOutput> part;
    const ssize_t n = ::read(output.get(), part.data(), part.size());
    open = n > 0;
    if (open && ended.output.size() < kMostOutput) ended.output.append(part.data(), static_cast<size_t>(n));
  }
  ::kill(process, SIGKILL);  // and with it, as the first of its namespace, all that it may have begun
  while (::waitpid(process, &ended.status, 0) < 0 && errno == EINTR) {
  }
  return ended;
}

// A model chose it: letters and digits, and not many.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, 64)) out += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ? c : '?';
  return out;
}

SandboxOutcome outcome_of(const Ended& ended, const std::string& mark) {
  if (ended.output.starts_with("!")) {
    const size_t space = ended.output.rfind(' ');
    fail(ended.output.substr(1, space - 1), std::atoi(ended.output.c_str() + space + 1));
  }
  if (ended.output == "passed " + mark) return {.passed = true, .ended = "passed"};
  if (ended.output.starts_with("passed")) return {.ended = "false mark"};
  if (!ended.in_time) return {.ended = "timeout"};
  if (!ended.output.empty()) return {.ended = printable(ended.output)};
  if (WIFSIGNALED(ended.status)) return {.ended = cat("killed by signal ", WTERMSIG(ended.status))};
  return {.ended = "exited early"};
}

}  // namespace

SandboxOutcome run_in_sandbox(const std::string& program, const std::string& tests, const SandboxLimits& limits) {
  const TemporaryFolder folder;
  SandboxSetup setup = setup_of(folder.path(), limits);
  const Descriptor null = checked(::open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");
  const Descriptor input = input_of(program, tests);
  auto [output, to_output] = make_pipe();
  auto [mark, to_mark] = make_pipe();
  const std::string secret = random_mark();
  write_all(to_mark, secret);
  to_mark.close();
  setup.null = null.get();
  setup.input = input.get();
  setup.output = to_output.get();
  setup.mark = mark.get();
  constexpr unsigned long kSeparate =
      CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  const auto process = static_cast<pid_t>(::syscall(SYS_clone, kSeparate | SIGCHLD, nullptr, nullptr, nullptr, 0UL));
  if (process < 0) fail("user namespaces are not permitted here (clone)", errno);
  if (process == 0) become_sandbox(setup);
  to_output.close();
  return outcome_of(wait_for(process, output, limits.wall_s), secret);
}

void require_sandbox() {
  try {
    const SandboxOutcome outcome = run_in_sandbox("x = 1", "assert x == 1");
    if (!outcome.passed) throw Error(cat("a trivial program ended with ", outcome.ended));
  } catch (const Error& e) {
    throw ConfigError(cat("[quality] run_code: ", e.what(), "; without the sandbox nothing is executed"));
  }
}

}  // namespace specula
