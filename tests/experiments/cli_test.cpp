// The program as a user meets it: exit codes, which stream gets what, help, suggestions.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "experiments/cli/cli.h"
#include "framework/core/files.h"
#include "tests/experiments/config_fixture.h"

namespace specula {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Outcome {
  int code = -1;
  std::string out, err;
};

// Takes what is written to a stream while it lives.
class Capture {
 public:
  explicit Capture(std::ostream& stream) : stream_(stream), old_(stream.rdbuf(text_.rdbuf())) {}
  ~Capture() { stream_.rdbuf(old_); }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::ostream& stream_;
  std::streambuf* old_;
};

class Cli : public ConfigFolder {
 protected:
  // The program itself: a start costs a third of a second, so only what needs a process is tested this way.
  Outcome process(const std::string& arguments) const {
    const std::string command = cat("cd '", SPECULA_SOURCE_DIR, "' && '", SPECULA_BINARY_DIR, "/specula' ", arguments,
                                    " >'", path("out"), "' 2>'", path("err"), "' </dev/null");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder_ / "out"), read_file(folder_ / "err")};
  }
  // The same without main(): words separated by blanks; errors are thrown.
  Outcome specula(const std::string& arguments) const {
    std::vector<std::string> words{"specula"};
    std::istringstream stream(arguments);
    for (std::string word; stream >> word;) words.push_back(word);
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    const Capture out(std::cout), err(std::cerr);
    const ExitCode code = run_command_line(static_cast<int>(argv.size()), argv.data());
    return {static_cast<int>(code), out.text(), err.text()};
  }
  std::string usage_error(const std::string& arguments) const {
    try {
      specula(arguments);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "no error";
  }
};

size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST_F(Cli, HelpStartsWithExamplesAndFitsTheScreen) {
  const Outcome help = process("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_EQ(help.err, "");
  EXPECT_THAT(help.out, StartsWith("Examples:\n  specula run "));
  EXPECT_THAT(help.out, AllOf(HasSubstr("Exit codes:\n"), HasSubstr("75 interrupted"), HasSubstr("130 ")));
  EXPECT_LE(longest_line(help.out), 80u);
  const Outcome bare = process("");
  EXPECT_EQ(bare.code, 2);
  EXPECT_EQ(bare.out, "");
  EXPECT_EQ(bare.err, help.out);
}

TEST_F(Cli, EachCommandHasHelpWithAnExample) {
  for (const char* command : {"run",         "plan",       "config show",   "config check",  "list",
                              "explain",     "compare",    "report",        "generate",      "trace",
                              "score",       "tokenize",   "bench forward", "bench prefill", "bench decode",
                              "bench round", "bench load", "bench kernels", "doctor",        "ls",
                              "status",      "rerun",      "export",        "config diff",   "config schema",
                              "completion",  "man",        "watch",         "checklist"}) {
    const Outcome help = specula(cat(command, " --help"));
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_THAT(help.out, StartsWith(cat("Examples:\n  specula ", command)));
    EXPECT_THAT(help.out, AllOf(HasSubstr(cat("Usage: specula ", command)), HasSubstr("Exit codes:")));
    EXPECT_LE(longest_line(help.out), 80u) << help.out;
    EXPECT_THAT(specula("--help").out, HasSubstr(cat("\n  ", command, " ")));
  }
}

TEST_F(Cli, Version) {
  const Outcome outcome = specula("--version");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, AllOf(StartsWith("specula 0."), HasSubstr("LibTorch ")));
}

TEST_F(Cli, WrongCommandLines) {
  EXPECT_EQ(usage_error("rn"), "specula: unknown command 'rn'; did you mean 'run'?");
  EXPECT_THAT(usage_error("frobnicate"),
              StartsWith("specula: unknown command 'frobnicate'; valid: run, plan, config, list"));
  EXPECT_EQ(usage_error("--verion"), "specula: unknown flag '--verion'; did you mean '--version'?");
  EXPECT_EQ(usage_error("config"), "specula config: a command is missing; valid: show, check, diff, schema");
  EXPECT_EQ(usage_error("bench frward"), "specula bench: unknown command 'frward'; did you mean 'forward'?");
  EXPECT_EQ(usage_error("run"), "specula run: CFG is required; see specula run --help");
  EXPECT_EQ(usage_error("run x.toml --reusme auto"), "specula run: unknown flag '--reusme'; did you mean '--resume'?");
  EXPECT_EQ(
      usage_error("run x.toml --resume atuo"),
      "specula run: --resume: 'atuo' is not one of auto, force, never; did you mean 'auto'?; see specula run --help");
  EXPECT_EQ(usage_error("plan x.toml --limit many"),
            "specula plan: --limit: 'many' is not a whole number of at least 0; see specula plan --help");
  EXPECT_EQ(usage_error("verify x.toml --max-tv 2"),
            "specula verify: --max-tv: '2' is not a number in 0..1; see specula verify --help");
  EXPECT_EQ(usage_error("plan a b"), "specula plan: too many arguments; see specula plan --help");
  EXPECT_THAT(usage_error("list drafter"),
              HasSubstr("'drafter' is not one of drafters, verifiers, samplers, "
                        "strategies, stoppers, shapes, architectures, training; did you mean 'drafters'?"));
  EXPECT_THAT(usage_error("plan"), HasSubstr("CFG is required"));
}

TEST_F(Cli, GenerateTakesExactlyOnePrompt) {
  EXPECT_EQ(usage_error("generate --model x"),
            "specula generate: neither --prompt nor --ids is given; expected exactly one");
  EXPECT_EQ(usage_error("generate --model x --prompt a --ids 1"),
            "specula generate: both --prompt and --ids are given; expected exactly one");
  EXPECT_EQ(usage_error("trace --model x"), "specula trace: neither --prompt nor --ids is given; expected exactly one");
  EXPECT_THAT(usage_error("trace"), StartsWith("specula trace: neither RUN nor --model is given"));
  EXPECT_EQ(usage_error("trace x 1 --model y"),
            "specula trace: RUN and --model are given; a run is shown without decoding");
  EXPECT_EQ(usage_error("trace --model x --ids 1 --arm sps"),
            "specula trace: --arm is given without RUN; expected RUN PROMPT");
  EXPECT_THAT(usage_error("trace --model x --ids 1 --format html"), HasSubstr("expected text or json"));
  EXPECT_THAT(usage_error("generate --prompt a"), StartsWith("specula generate: --model is required"));
}

TEST_F(Cli, AWrongCommandLineEndsWithTwoAndWritesNoResult) {
  const Outcome outcome = process("rn");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "error: specula: unknown command 'rn'; did you mean 'run'?\nNothing was run.\n");
}

TEST_F(Cli, ValuesThatLookLikeFlags) {
  const std::string config = write("c.toml", base());
  EXPECT_EQ(specula("tokenize --model assets/demo/target --no-special -- -x").code, 0);
  EXPECT_EQ(specula("plan " + config + " --set experiment.note=--x").code, 0);
  EXPECT_THAT(usage_error("generate --model --limit --prompt --seed --drafter --no"), Not(HasSubstr("unknown flag")));
}

TEST_F(Cli, ListIsReadFromTheRegistries) {
  const Outcome text = specula("list");
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, AllOf(StartsWith("drafters\n  none"), HasSubstr("\nverifiers\n"), HasSubstr("\nsamplers\n"),
                              HasSubstr("guarantee: exact")));
  EXPECT_LE(longest_line(text.out), 80u);
  const Outcome table = specula("list verifiers --format markdown");
  EXPECT_THAT(table.out, StartsWith("| name | summary | guarantee | takes | cost | options | paper "
                                    "|\n|---|---|---|---|---|---|---|\n| `greedy_match` |"));
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'),
            2 + static_cast<std::ptrdiff_t>(make_registries().verifiers.order.size()));
  EXPECT_THAT(specula("list strategies").out,
              AllOf(StartsWith("strategies\n  beam "), HasSubstr("text: deterministic search")));
  const Outcome json = specula("list samplers --format json");
  EXPECT_THAT(json.out, AllOf(StartsWith("{\n  \"samplers\": ["), HasSubstr("\"name\": \"temperature\"")));
}

TEST_F(Cli, ExplainsPluginsOptionsKeysAndMetrics) {
  EXPECT_THAT(
      specula("explain draft_model").out,
      AllOf(StartsWith("draft_model (drafter)\n"), HasSubstr("length            tokens drafted"),
            HasSubstr(
                "drafter = { name = \"draft_model\", model = \"draft\", length = 4, draw = \"auto\", tree = \"chain\", "
                "frequent_tokens = 0 }")));
  EXPECT_THAT(specula("explain draft_model.length").out, HasSubstr("[integer; 1..64;\n  tokens; default 4]"));
  EXPECT_THAT(specula("explain measure.repetitions").out,
              AllOf(StartsWith("measure.repetitions (key"), HasSubstr("default 1]")));
  EXPECT_THAT(specula("explain beam").out, HasSubstr("strategy = { name = \"beam\", width = 4, "));
  EXPECT_THAT(specula("explain arm.drafter").out, StartsWith("arm.drafter (key"));
  EXPECT_THAT(specula("explain arm.sps-g4.drafter").out, StartsWith("arm.drafter (key"));
  EXPECT_THAT(specula("explain models.target.dtype").out, StartsWith("models.<name>.dtype (key"));
  EXPECT_THAT(specula("explain data").out, StartsWith("[data] (section"));
  EXPECT_THAT(specula("explain tau").out, StartsWith("tau (metric"));
  EXPECT_THAT(specula("explain temperature").out, HasSubstr("[sampler]\ntemperature = 1.0\n"));
  EXPECT_EQ(usage_error("explain taw"), "explain: nothing is called 'taw'; did you mean 'tau'?");
  EXPECT_THAT(usage_error("explain lenght"),
              StartsWith("explain: nothing is called 'lenght'; did you mean draft_model.length or "));
  EXPECT_THAT(usage_error("explain zzzzzzzz"), HasSubstr("see specula list"));
}

TEST_F(Cli, PlanAndConfigPrintToStandardOutput) {
  const std::string config = write("c.toml", base());
  const Outcome plan = specula("plan " + config);
  EXPECT_EQ(plan.code, 0);
  EXPECT_EQ(plan.err, "");
  EXPECT_THAT(plan.out, AllOf(HasSubstr("| ar (baseline) |"), HasSubstr("exact"),
                              HasSubstr("prompts     2 (1 story, 1 math)"), HasSubstr("runs/t/")));
  const Outcome shown = specula("config show " + config + " --set data.limit=1");
  EXPECT_THAT(shown.out, HasSubstr("limit = 1  # --set data.limit=1\n"));
  const std::string again = write("again.toml", shown.out);
  const std::string hash = shown.out.substr(shown.out.find("# cfg_hash"), 75);
  EXPECT_THAT(specula("config show " + again).out, HasSubstr(hash));
  EXPECT_THAT(specula("config show " + config + " --format json").out, HasSubstr("\"max_new_tokens\": 32"));
}

TEST_F(Cli, ConfigErrorsAreListedAndNothingIsRun) {
  const std::string good = write("good.toml", base()),
                    bad = write("bad.toml", base("vrifier = \"x\"\n[measure]\nthreads = -1\n"));
  const Outcome outcome = process("config check " + good + " " + bad);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out, AllOf(StartsWith(good + ": ok, 2 arms, "), HasSubstr(bad + ": wrong\n")));
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("error: " + bad +
                              ":18:11: unknown key 'vrifier' in [arm.sps]; did you mean 'verifier'?\n   18 | vrifier"),
                    HasSubstr("error: " + bad + ":20:11: [measure] threads = -1 is out of range 0..4096\n"),
                    ::testing::EndsWith("2 errors. Nothing was run.\n")));
  const Outcome run = process("run " + bad + " --out " + path("runs"));
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_FALSE(std::filesystem::exists(path("runs")));
  EXPECT_THAT(usage_error("plan " + path("gone.toml")), HasSubstr("gone.toml: cannot open"));
}

#if defined(__x86_64__)  // elsewhere the baseline has vectors
TEST_F(Cli, TheInstructionSetCanBeRestricted) {
  const std::string generate = "generate --model assets/demo/draft --prompt hi --max-new-tokens 2 --format json";
  ::setenv("SPECULA_ISA", "baseline", 1);
  const Outcome slow = process(generate);
  ::setenv("SPECULA_ISA", "sse9", 1);
  const Outcome wrong = process(generate);
  ::unsetenv("SPECULA_ISA");
  EXPECT_EQ(slow.code, 0);
  EXPECT_THAT(slow.err, HasSubstr("many times slower"));
  EXPECT_THAT(slow.out, AllOf(HasSubstr("\"batch_invariant\":true"), Not(HasSubstr("AVX"))));
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("SPECULA_ISA: unknown value 'sse9'"));
}
#endif

TEST_F(Cli, AFullDiskIsAFailure) {
  const std::string command = cat("'", SPECULA_BINARY_DIR, "/specula' list >/dev/full 2>/dev/null");
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

}  // namespace
}  // namespace specula
