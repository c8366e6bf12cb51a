// Executes Python that a model wrote, so that it can do nothing but compute: a process in namespaces of its own (user,
// mount, process, network, IPC, host name) without any capability, whose root is a small file system in memory with
// read-only views of the system's and Python's folders and one folder of 16 MB to write to; no network, no sockets, no
// further processes or threads (a system call filter), clean environment, python3 -I -S, bounded time, memory, file
// size and open files.  It sees no other process, no home, no /proc, no /dev.
//
// What it is not: a virtual machine.  A fault of the kernel is not kept in, the processor is shared (a program may
// watch the time), and the program and its tests share one interpreter: one that looks for the harness in its own
// process can pass itself off as right.  Printing, exiting early and guessing the mark cannot.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <string>

namespace specula {

struct SandboxLimits {
  double wall_s = 10;
  int cpu_s = 5;
  int64_t memory_bytes = int64_t{1} << 30;   // of address space
  int64_t file_bytes = int64_t{1} << 20;     // of one file
  int64_t folder_bytes = int64_t{16} << 20;  // of all of them
};

struct SandboxOutcome {
  bool passed = false;  // the tests ran to their end
  std::string ended{};  // "passed", an exception's type, "timeout", "killed by signal 9", "exited early"
};

// Runs `program`, then `tests` in its names.  Throws Error where the kernel does not permit the isolation or there is
// no python3: nothing is executed with less.
SandboxOutcome run_in_sandbox(const std::string& program, const std::string& tests, const SandboxLimits& limits = {});

// Throws ConfigError that says what is missing, where run_in_sandbox() would throw.
void require_sandbox();

}  // namespace specula
