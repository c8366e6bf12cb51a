#include "experiments/scores/mbpp.h"

#include "experiments/scores/sandbox.h"

namespace specula {
namespace {

Judgement judge(const std::string& answer, const std::string& reference) {
  const SandboxOutcome outcome = run_in_sandbox(answered_program(answer), reference);
  return {.right = outcome.passed, .found = outcome.ended};
}

}  // namespace

std::string answered_program(const std::string& text) {
  const size_t fence = text.find("```");
  if (fence != std::string::npos) {
    const size_t begin = text.find('\n', fence);
    if (begin == std::string::npos) return "";
    const size_t end = text.find("```", begin);
    return text.substr(begin + 1, end == std::string::npos ? end : end - begin - 1);
  }
  const size_t begin = text.starts_with("[BEGIN]") ? 7 : 0;
  return text.substr(begin, text.find("[DONE]") - begin);
}

Scorer mbpp_pass() {
  return {.id = "mbpp_pass@1",
          .definition =
              "Whether the answer's program runs and all tests of the reference then hold: version 1, one answer a "
              "prompt.  The program is the first block in ``` fences, else the text before [DONE], else all of it; its "
              "__name__ is not __main__.  It counts only if the tests reach their end: who exits early, prints what "
              "he likes, or is over 10 s, 5 s of processor time or 1 GiB has not passed.  Executes what the model "
              "wrote, so it is off: [quality] run_code = true or specula score-run --run-code lets it run, in a "
              "process with namespaces of its own, without network, capabilities, further processes or files of the "
              "machine but read-only system folders; where the kernel does not permit that, nothing is executed.  It "
              "is no virtual machine, and a program that looks for the harness in its own process can pass itself off "
              "as right.",
          .unit_of = "tests",
          .runs_code = true,
          .can_use = [](const std::string& reference) { return reference.find("assert") != std::string::npos; },
          .judge = judge};
}

}  // namespace specula
