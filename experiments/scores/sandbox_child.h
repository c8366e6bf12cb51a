// Inside the sandbox: what the new process does to itself before it becomes Python.  It was made by a process with many
// threads, so until then it may only call the kernel: everything that needs memory was prepared before.  Licence:
// Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/scores/sandbox.h"

namespace specula {

// Where the new process finds its descriptors.
inline constexpr int kInput = 3, kOutput = 4, kMark = 5;

struct SandboxView {  // of one folder of the system
  std::string from;   // absolute
  std::string to;     // within the new root
  std::string link;   // not empty: a symbolic link to this instead
};

struct SandboxSetup {
  std::string root;                  // an empty folder
  std::string work;                  // within it
  std::vector<std::string> folders;  // to make within it, parents first
  std::vector<SandboxView> views;
  std::string user_map, group_map;
  std::string root_options, work_options;  // of the file systems in memory
  std::vector<std::string> command;        // the first is the program
  std::vector<const char*> arguments;      // of the command, null at the end
  int null = -1, input = -1, output = -1, mark = -1;
  SandboxLimits limits;
};

// Never returns.  What fails is written to the output as "!STEP ERRNO".
[[noreturn]] void become_sandbox(const SandboxSetup& setup);

// Further processes, threads, sockets, mounts, namespaces and what looks into other processes fail from now on, for
// good.  False: errno says why.
bool filter_system_calls();

}  // namespace specula
