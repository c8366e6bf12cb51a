// Arms that decode by a strategy: how a configuration names them and what it refuses, what their records say and what
// the table leaves out, and the same strategies in `generate`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "experiments/report/summary.h"
#include "experiments/run/records.h"
#include "tests/experiments/config_fixture.h"
#include "tests/experiments/quiet_log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

using StrategyConfig = ConfigFolder;

TEST_F(StrategyConfig, AnArmHasAStrategyInThePlaceOfDrafterAndVerifier) {
  const ExperimentConfig config = load(base("[[arm]]\nname = \"b\"\nstrategy = \"beam(width = 2)\"\n"));
  const ArmConfig& arm = config.arms.at(2);
  ASSERT_TRUE(arm.strategy.has_value());
  EXPECT_EQ(call_text(*arm.strategy), "beam(width = 2, length_penalty = 1.0, early_stopping = \"heuristic\")");
  EXPECT_EQ(arm.composed.promise(), "deterministic search");
  EXPECT_FALSE(arm.baseline);
  const Value& resolved = at(config.resolved, "arm.b");
  EXPECT_NE(resolved.find("strategy"), nullptr);
  EXPECT_EQ(resolved.find("drafter"), nullptr);
  EXPECT_EQ(resolved.find("verifier"), nullptr);
  EXPECT_EQ(at(config.resolved, "arm.ar").find("strategy"), nullptr) << "arms without one are what they were";
}

TEST_F(StrategyConfig, IsSharedSetAndHashedLikeADrafter) {
  const std::string text =
      base("[strategy.wide]\nname = \"beam\"\nwidth = 9\n[[arm]]\nname = \"b\"\nstrategy = \"wide\"\n");
  const auto width = [](const ExperimentConfig& config) {
    return std::get<int64_t>(at(config.resolved, "arm.b.strategy.width").data);
  };
  const ExperimentConfig plain = load(text), set = load_set(text, {"arm.b.strategy.width=3"});
  EXPECT_EQ(width(plain), 9);
  EXPECT_EQ(width(set), 3);
  EXPECT_NE(plain.cfg_hash, set.cfg_hash);
  const ExperimentConfig again = load(resolved_toml(plain));
  EXPECT_EQ(again.cfg_hash, plain.cfg_hash) << "the resolved dump runs as it is";
}

TEST_F(StrategyConfig, WhatDoesNotFitIsTold) {
  const auto arm = [&](const std::string& lines) { return error(base("[[arm]]\nname = \"b\"\n" + lines)); };
  EXPECT_THAT(arm("drafter = \"none\"\nstrategy = \"beam\"\n"),
              HasSubstr("[arm.b] has a drafter beside its strategy, which decodes without; take one of them out"));
  EXPECT_THAT(arm("verifier = \"rejection\"\nstrategy = \"beam\"\n"), HasSubstr("[arm.b] has a verifier beside"));
  EXPECT_THAT(arm("strategy = \"bean\"\n"), HasSubstr("[arm.b] strategy: unknown strategy 'bean'"));
  EXPECT_THAT(arm("strategy = \"beam(width = 0)\"\n"), HasSubstr("1..256"));
  EXPECT_THAT(arm("strategy = { width = 3 }\n"), HasSubstr("lacks the key 'name'; valid: beam"));
  EXPECT_EQ(arm("strategy = \"best_of_n\"\n"), "no error");
  EXPECT_THAT(
      error_of([&] { load_set(base("[[arm]]\nname = \"b\"\nstrategy = \"best_of_n\"\n"), {"sampler.temperature=0"}); }),
      HasSubstr("'best_of_n' draws its texts, and at temperature 0 they would all be the same"));
}

std::string captured(const std::function<void()>& act) {
  ::testing::internal::CaptureStdout();
  act();
  return ::testing::internal::GetCapturedStdout();
}

class StrategyRun : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              cat("strategy_", ::testing::UnitTest::GetInstance()->current_test_info()->name(), "_", ::getpid());
    fs::create_directories(folder_);
    const std::string source = SPECULA_SOURCE_DIR;
    std::ofstream(folder_ / "study.toml")
        << "include = [\"" << source << "/configs/base/demo.toml\"]\n[experiment]\nname = \"s\"\nseed = 5\n"
        << "[data]\nlimit = 2\nmax_new_tokens = 16\n[sampler]\ntemperature = 1.0\n"
        << "[measure]\nwarmup_prompts = 1\nrepetitions = 1\ntrace_limit = 1\nbootstrap = 100\nthreads = 1\n"
        << "[[arm]]\nname = \"ar\"\ndrafter = \"none\"\nbaseline = true\n"
        << "[[arm]]\nname = \"beam\"\nstrategy = \"beam(width = 3)\"\n"
        << "[[arm]]\nname = \"contrastive\"\nstrategy = \"contrastive\"\n"
        << "[[arm]]\nname = \"best\"\nstrategy = \"best_of_n(n = 3)\"\n";
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string study() const { return (folder_ / "study.toml").string(); }
  fs::path cell() const { return fs::directory_iterator(folder_ / "runs/s")->path(); }

  QuietLog quiet_;
  fs::path folder_;
};

TEST_F(StrategyRun, RecordsAndTableSayWhatItIs) {
  const std::string table =
      captured([&] { run_command({.config = study(), .overrides = {.out = (folder_ / "runs").string()}}); });
  EXPECT_THAT(table, HasSubstr("deterministic search"));
  EXPECT_THAT(table, HasSubstr("best of 3 draws"));
  EXPECT_THAT(table, HasSubstr("notes of beam: score -"));
  EXPECT_THAT(table, Not(HasSubstr("! check"))) << "every record agrees with itself";
  EXPECT_THAT(table, Not(HasSubstr("nothing was drafted")));
  int seen = 0;
  for (const Record& r : read_records(cell()).records) {
    if (r.key.arm == "ar") continue;
    ++seen;
    EXPECT_TRUE(r.ok) << r.error;
    EXPECT_EQ(r.exact_why, r.key.trace ? "fenced_pass" : "strategy");
    EXPECT_FALSE(r.exact.has_value());
    EXPECT_EQ(std::accumulate(r.rounds.kept.begin(), r.rounds.kept.end(), 0), r.n_out());
    size_t first = 0;
    while (r.rounds.kept[first] == 0) ++first;
    EXPECT_EQ(r.ttft_us(), r.rounds.ready_us[first]) << "a pass that made nothing final is not the first token";
    EXPECT_GT(r.prefill_us, 0);
  }
  EXPECT_EQ(seen, 3 * (2 + 1)) << "two prompts, and one in the fenced pass";
  const RunInfo info = read_manifest(cell());
  EXPECT_THAT(info.arms.at(1).strategy, HasSubstr("beam(width = 3"));
  EXPECT_EQ(info.arms.at(0).strategy, "");
  EXPECT_EQ(info.arms.at(1).certified, "") << "nobody looked for a certificate";
}

TEST_F(StrategyRun, PlanNamesItAndVerifyLeavesItOut) {
  EXPECT_THAT(captured([&] { plan_command({.config = study(), .overrides = {}}); }), HasSubstr("beam(width = 3"));
  const std::string table = captured(
      [&] { verify_command({.config = study(), .overrides = {.out = (folder_ / "runs").string()}, .rungs = {"L2"}}); });
  EXPECT_THAT(table, HasSubstr("ar (baseline)"));
  EXPECT_THAT(table, Not(HasSubstr("beam")));
}

GenerateArgs generate_args(const std::string& strategy) {
  GenerateArgs args;
  args.model = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/target";
  args.prompt = "Once upon a time";
  args.has_prompt = true;
  args.max_new_tokens = 12;
  args.threads = 1;
  args.format = "json";
  args.strategy = strategy;
  return args;
}

TEST(GenerateStrategy, TellsItsScoreAndItsText) {
  const auto found = nlohmann::json::parse(captured([] { generate_command(generate_args("beam(width=3)")); }));
  EXPECT_EQ(found["ids"].size(), 12U);
  EXPECT_EQ(found["rounds"], 12) << "a pass for each token";
  EXPECT_LT(found["score"].get<double>(), 0);
  EXPECT_THAT(found["strategy"].get<std::string>(), HasSubstr("beam(width = 3"));
  EXPECT_EQ(found["guarantee"], "deterministic search");
  EXPECT_FALSE(found.contains("verifier"));
  EXPECT_FALSE(found["text"].get<std::string>().empty());
}

TEST(GenerateStrategy, DecodesWithoutDrafterAndVerifier) {
  const auto error_of = [](const GenerateArgs& args) -> std::string {
    try {
      generate_command(args);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "no error";
  };
  GenerateArgs drafter = generate_args("beam"), verifier = generate_args("beam");
  drafter.drafter = "none";
  verifier.verifier = "rejection";
  EXPECT_THAT(error_of(drafter), HasSubstr("both --strategy and --drafter are given"));
  EXPECT_THAT(error_of(verifier), HasSubstr("both --strategy and --verifier are given"));
  EXPECT_THAT(error_of(generate_args("best_of_n")), HasSubstr("set temperature > 0"));
  EXPECT_THAT(error_of(generate_args("bean")), HasSubstr("did you mean 'beam'"));
}

}  // namespace
}  // namespace specula
