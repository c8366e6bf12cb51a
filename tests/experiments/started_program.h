// The real program as a process of its own.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace specula {

// Starts `specula WORDS`; its output goes to the files stdout and stderr of a folder.
inline pid_t start_program(std::vector<std::string> words, const std::filesystem::path& folder) {
  words.insert(words.begin(), std::string(SPECULA_BINARY_DIR) + "/specula");
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int to = ::open((folder / "stdout").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int errors = ::open((folder / "stderr").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ::dup2(to, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

inline int wait_for_program(pid_t child) {  // the exit code, or minus the signal
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace specula
