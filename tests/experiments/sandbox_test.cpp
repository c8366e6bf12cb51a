// Code that a model could have written, the hostile kind too: what it may not do, and what does not count as a pass.
#include "experiments/scores/sandbox.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "experiments/scores/mbpp.h"
#include "framework/core/clock.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class Sandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      require_sandbox();
    } catch (const ConfigError& e) {
      GTEST_SKIP() << e.what();
    }
  }

  static SandboxOutcome run(const std::string& program, const std::string& tests = "assert True",
                            const SandboxLimits& limits = {.wall_s = 30, .cpu_s = 10}) {
    const SandboxOutcome outcome = run_in_sandbox(program, tests, limits);
    EXPECT_EQ(outcome.passed, outcome.ended == "passed");
    return outcome;
  }
  static std::string ended(const std::string& program) { return run(program).ended; }
  // Whether a statement works in there.
  static bool allowed(const std::string& statement) { return run("import os, socket, ctypes\n" + statement).passed; }
};

TEST_F(Sandbox, RightAndWrongSolutions) {
  const std::string tests = "assert twice(2) == 4\nassert twice(-1) == -2";
  EXPECT_EQ(run("def twice(x):\n    return 2 * x", tests).ended, "passed");
  EXPECT_EQ(run("def twice(x):\n    return x * x", tests).ended, "AssertionError");
  EXPECT_EQ(run("def thrice(x):\n    return 3 * x", tests).ended, "NameError");
  EXPECT_EQ(run("def twice(x)", tests).ended, "SyntaxError");
  EXPECT_EQ(run("import math, heapq, re, collections\nassert math.gcd(4, 6) == 2").ended, "passed");
  EXPECT_EQ(run("if __name__ == '__main__':\n    raise ValueError").ended, "passed");
}

TEST_F(Sandbox, ALongProgramIsReadWhole) {
  EXPECT_TRUE(run("x = 0\n" + std::string(300000, '#') + "\nx = 1", "assert x == 1").passed);
}

TEST_F(Sandbox, WhoSaysThatItPassedHasNot) {
  const std::string tests = "assert False";
  for (const char* const program :
       {"print('passed')", "import sys\nsys.exit(0)", "import os\nos._exit(0)", "raise SystemExit(0)", "quit()",
        "import os\nos.write(4, b'passed ')\nos._exit(0)", "import os\nos.write(4, b'passed 0123456789abcdef')"})
    EXPECT_FALSE(run(program, tests).passed) << program;
  EXPECT_EQ(run("import sys\nsys.exit(0)").ended, "SystemExit");
  EXPECT_EQ(run("import os\nos._exit(0)").ended, "exited early");
  EXPECT_EQ(run("def f():\n    import os\n    os._exit(0)", "assert f() == 1").ended, "exited early");
  EXPECT_EQ(run("import os\nos.write(4, b'passed ')\nos._exit(0)").ended, "false mark");
}

TEST_F(Sandbox, TimeIsBounded) {
  const double start = seconds_now();
  EXPECT_EQ(run("while True: pass", "", {.wall_s = 1, .cpu_s = 60}).ended, "timeout");
  EXPECT_EQ(run("import time\ntime.sleep(60)", "", {.wall_s = 1}).ended, "timeout");
  EXPECT_EQ(run("import os\nos.close(4)\nwhile True: pass", "", {.wall_s = 1}).ended, "timeout");
  EXPECT_EQ(run("import os\nwhile True: os.write(4, b'x' * 1000)", "", {.wall_s = 1}).ended, "timeout");
  EXPECT_EQ(run("while True: pass", "", {.wall_s = 50, .cpu_s = 1}).ended, "killed by signal 9");
  EXPECT_LT(seconds_now() - start, 40);
}

TEST_F(Sandbox, MemoryAndFilesAreBounded) {
  EXPECT_EQ(ended("a = bytearray(2 << 30)"), "MemoryError");
  EXPECT_EQ(
      run("a = []\nwhile True: a.append(bytearray(1 << 22))", "", {.wall_s = 60, .memory_bytes = 128 << 20}).ended,
      "MemoryError");
  EXPECT_EQ(ended("open('a', 'wb').write(bytes(3 << 20))"), "OSError");
  EXPECT_EQ(ended("for i in range(40): open(str(i), 'wb').write(bytes(1 << 20))"), "OSError");
  EXPECT_EQ(ended("f = [open('a', 'w') for i in range(100)]"), "OSError");
}

TEST_F(Sandbox, ThereIsOneProcess) {
  EXPECT_EQ(ended("import os\nwhile True: os.fork()"), "PermissionError");
  EXPECT_FALSE(allowed("os.posix_spawn('/usr/bin/env', ['env'], {})"));
  EXPECT_FALSE(allowed("import threading\nthreading.Thread(target=print).start()"));
  EXPECT_FALSE(allowed("assert os.system('true') == 0"));
  EXPECT_EQ(ended("import os\nos.kill(-1, 9)"), "ProcessLookupError") << "it sees no other";
}

TEST_F(Sandbox, ThereIsNoNetwork) {
  EXPECT_FALSE(allowed("socket.socket()"));
  EXPECT_FALSE(allowed("socket.socket(socket.AF_UNIX)"));
  EXPECT_FALSE(allowed("socket.socketpair()"));
}

TEST_F(Sandbox, OnlyItsFolderCanBeWritten) {
  EXPECT_TRUE(allowed("open('a', 'w').write('b')\nassert open('a').read() == 'b'"));
  EXPECT_TRUE(allowed("assert os.listdir('.') == []")) << "nothing is left of the run before";
  for (const char* const path : {"/a", "../a", "/usr/a", "/lib/a", "/usr/bin/env"})
    EXPECT_FALSE(allowed(cat("open('", path, "', 'w')"))) << path;
  const std::string here = std::filesystem::temp_directory_path().string();
  EXPECT_FALSE(allowed(cat("open('", here, "/specula-outside', 'w')")));
  EXPECT_FALSE(std::filesystem::exists(here + "/specula-outside"));
}

TEST_F(Sandbox, TheMachineIsNotToBeSeen) {
  ::setenv("SPECULA_SANDBOX_SECRET", "1", 1);
  EXPECT_TRUE(allowed("assert 'SPECULA_SANDBOX_SECRET' not in os.environ"));
  EXPECT_TRUE(
      allowed("assert not set(os.listdir('/')) & {'proc', 'dev', 'home', 'root', 'tmp', 'etc'}, os.listdir('/')"))
      << "where python3 lies below none of them";
  EXPECT_TRUE(allowed("for i in range(6, 200):\n  try: os.fstat(i)\n  except OSError: continue\n  assert False"));
  EXPECT_TRUE(allowed("assert os.getuid() == 1000 and os.getpid() == 1"));
}

TEST_F(Sandbox, ItHasNoRightToChangeThat) {
  const std::string call = "assert ctypes.CDLL(None, use_errno=True).";
  EXPECT_TRUE(allowed(call + "mount(b'none', b'/work', b'tmpfs', 0, 0) == -1"));
  EXPECT_TRUE(allowed(call + "unshare(0x10000000) == -1"));
  EXPECT_TRUE(allowed(call + "sethostname(b'x', 1) == -1"));
  EXPECT_TRUE(allowed(call + "ptrace(0, 0, 0, 0) == -1"));
  EXPECT_FALSE(allowed("os.chroot('/work')"));
  EXPECT_FALSE(allowed("os.setuid(0)"));
}

TEST_F(Sandbox, LeavesNothingBehind) {
  const auto count = [] {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::temp_directory_path()))
      found += entry.path().filename().string().starts_with("specula-sandbox-") ? 1 : 0;
    return found;
  };
  const int before = count();
  ended("open('a', 'w').write('b')");
  EXPECT_EQ(count(), before);
}

TEST_F(Sandbox, ScoresAnAnswer) {
  const Scorer scorer = mbpp_pass();
  EXPECT_TRUE(scorer.runs_code);
  const std::string tests = "\nassert f(1) == 2\n";
  EXPECT_TRUE(scorer.judge("Sure:\n```python\ndef f(x):\n    return x + 1\n```\nAs asked.", tests).right);
  EXPECT_EQ(scorer.judge("def f(x):\n    return x\n[DONE]\ngarbage(", tests).found, "AssertionError");
}

TEST(AnsweredProgram, IsTheFirstBlock) {
  EXPECT_EQ(answered_program("a\n```python\nx = 1\n```\n```\ny\n```"), "x = 1\n");
  EXPECT_EQ(answered_program("```\nx = 1\n"), "x = 1\n") << "cut by the limit";
  EXPECT_EQ(answered_program("[BEGIN]\nx = 1\n[DONE] more"), "\nx = 1\n");
  EXPECT_EQ(answered_program("x = 1"), "x = 1");
  EXPECT_EQ(answered_program("```"), "");
}

}  // namespace
}  // namespace specula
