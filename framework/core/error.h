// What goes wrong, in one type.  `Error` is somebody's input (config, weights, prompt) or the machine; its text names
// the place, the given value and the valid ones, and its code becomes the exit status of the program.  SPECULA_CHECK is
// for our own mistakes: always on, it prints the values that broke the invariant; SPECULA_DCHECK is for inner loops.
// Licence: Apache-2.0.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace specula {

enum class ExitCode {
  kOk = 0,
  kRuntime = 1,       // a file, a device, a number at run time
  kConfig = 2,        // usage or configuration: nothing was started
  kExpectation = 3,   // an expectation or a regression bound was missed
  kGuarantee = 4,     // a guarantee was violated
  kPartial = 5,       // finished, but some cells failed
  kEnvironment = 6,   // the strict environment gate
  kInterrupted = 75,  // stopped by SIGTERM; running again resumes
  kUserInterrupt = 130
};

// The arguments one after the other, as a stream prints them.
template <class... Args>
std::string cat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& text, ExitCode code = ExitCode::kRuntime) : std::runtime_error(text), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// The model computes no numbers any more (NaN): whatever follows is worthless, so a run stops here.
class NumericError : public Error {
 public:
  using Error::Error;
};

// A wrong command line or configuration: exit status 2, and nothing was started.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& text) : Error(text, ExitCode::kConfig) {}
};

// "a, b, c"
std::string join(const std::vector<std::string>& words, const std::string& separator = ", ");

// The nearest of `valid` by Damerau-Levenshtein distance, if it is at most max(2, length / 3) away; else "".
std::string nearest(const std::string& word, const std::vector<std::string>& valid);

// "; did you mean 'gamma'?" or "; valid: a, b, c" when nothing is near.
std::string suggestion(const std::string& word, const std::vector<std::string>& valid);

[[noreturn]] void broken_invariant(const char* file, int line, const char* expression, const std::string& values);

}  // namespace specula

#define SPECULA_CHECK(condition, ...)                                                                             \
  do {                                                                                                            \
    if (!(condition)) [[unlikely]]                                                                                \
      ::specula::broken_invariant(__FILE__, __LINE__, #condition, ::specula::cat("" __VA_OPT__(, ) __VA_ARGS__)); \
  } while (false)

#ifdef NDEBUG
#define SPECULA_DCHECK(condition, ...) \
  do {                                 \
  } while (false)
#else
#define SPECULA_DCHECK(condition, ...) SPECULA_CHECK(condition __VA_OPT__(, ) __VA_ARGS__)
#endif
