// A real run of the demo pair and what comes after it: run again, listed, copied for others, held to expectations.
#include <gmock/gmock.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/runs/found_run.h"
#include "experiments/runs/list_runs.h"
#include "experiments/runs/public_copy.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "tests/experiments/quiet_log.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Rerun : public RunsFolder {
 protected:
  QuietLog quiet_;

  // With prompts of its own, so that they can be lost.
  ExitCode run(const std::string& name, const std::string& tail = "") const {
    write("prompts.jsonl",
          "{\"prompt\": \"Once upon a time\", \"category\": \"story\", "
          "\"reference\": \"assert 1 == 1\"}\n");
    const std::string demo = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/";
    write(name + ".toml",
          cat("[experiment]\nname = \"", name, "\"\n[models.target]\npath = \"", demo, "target\"\n",
              "[models.draft]\npath = \"", demo, "draft\"\n[data]\nprompts = \"prompts.jsonl\"\nmax_new_tokens = 8\n",
              "[sampler]\ntemperature = 0\n[measure]\nwarmup_prompts = 1\ntrace = false\nbootstrap = 100\n",
              "threads = 1\n[cost]\nusd_per_hour = 2.0\n[[arm]]\nname = \"ar\"\ndrafter = \"none\"\n",
              "[[arm]]\nname = \"sps\"\ndrafter = { name = \"draft_model\", model = \"draft\", length = 3 }\n", tail));
    return quietly([&] { return run_command({.config = path(name + ".toml"), .overrides = {.out = path("runs")}}); });
  }
  template <class Call>
  static ExitCode quietly(const Call& call) {
    ::testing::internal::CaptureStdout();
    const ExitCode code = call();
    log::close_file();
    ::testing::internal::GetCapturedStdout();
    return code;
  }
  std::vector<FoundRun> runs() const { return find_runs(folder_ / "runs"); }
  nlohmann::json summary(const FoundRun& found) const {
    return nlohmann::json::parse(read_file(found.folder / "summary.json"));
  }
};

TEST_F(Rerun, IsANewRunBesideItsParent) {
  ASSERT_EQ(run("t"), ExitCode::kOk);
  const FoundRun parent = runs().at(0);
  EXPECT_GT(parent.info.models[0].weight_bytes, 0);
  EXPECT_GT(parent.info.models[0].active, 0);
  const nlohmann::json metrics = summary(parent).at("cells").at(0).at("metrics");
  for (const char* const name : {"usd_per_mtok", "flop_per_tok", "mbu_frac"})
    EXPECT_GT(metrics.at(name).at("value").get<double>(), 0) << name;

  ASSERT_EQ(quietly([&] {
              return rerun_command({.folder = parent.folder.string() + "/", .argv = {"specula", "rerun"}});
            }),
            ExitCode::kOk);
  ASSERT_EQ(runs().size(), 2u);
  const FoundRun again = read_run(parent.folder.string() + ".2");
  EXPECT_EQ(again.problem, "");
  EXPECT_EQ(again.info.parent_run, parent.info.run_id);
  EXPECT_NE(again.info.run_id, parent.info.run_id);
  EXPECT_EQ(parent.info.parent_run, "");
  EXPECT_EQ(again.info.identity.at("configuration"), parent.info.identity.at("configuration"));
  EXPECT_EQ(read_records(again.folder).records.front().out, read_records(parent.folder).records.front().out);

  fs::remove(folder_ / "prompts.jsonl");
  EXPECT_THAT(config_error([&] { rerun_command({.folder = parent.folder.string()}); }),
              AllOf(HasSubstr("what it reads is gone: "), HasSubstr("/prompts.jsonl (data.prompts)"),
                    Not(HasSubstr("assets"))));
  fs::remove(parent.folder / "config.resolved.toml");
  EXPECT_THAT(config_error([&] { rerun_command({.folder = parent.folder.string()}); }),
              HasSubstr("it has no config.resolved.toml"));
  EXPECT_THAT(config_error([&] { rerun_command({.folder = path("gone")}); }), HasSubstr("not a run folder"));
}

TEST_F(Rerun, JudgesItsOwnTexts) {
  ASSERT_EQ(run("t", "[quality]\nscorers = [\"gsm8k_em\"]\nnll = true\n"), ExitCode::kOk);
  const fs::path parent = runs().at(0).folder;
  const std::string scores = read_file(parent / "scores.jsonl"), likelihoods = read_file(parent / "nll.jsonl");
  EXPECT_THAT(scores, HasSubstr("gsm8k_em@1"));
  EXPECT_THAT(likelihoods, HasSubstr("nll_sum_nats"));
  // Neither is copied: what the parent's files say does not matter.
  write_file_atomically(parent / "scores.jsonl", "");
  write_file_atomically(parent / "nll.jsonl", "");
  ASSERT_EQ(quietly([&] { return rerun_command({.folder = parent.string()}); }), ExitCode::kOk);
  const fs::path again = parent.string() + ".2";
  EXPECT_EQ(read_file(again / "scores.jsonl"), scores);
  EXPECT_EQ(read_file(again / "nll.jsonl"), likelihoods);
  EXPECT_TRUE(read_manifest(again).nll);

  // A finished run that lost them has them again when it is asked for once more.
  ASSERT_EQ(run("t", "[quality]\nscorers = [\"gsm8k_em\"]\nnll = true\n"), ExitCode::kOk);
  EXPECT_EQ(read_file(parent / "scores.jsonl"), scores);
  EXPECT_EQ(read_file(parent / "nll.jsonl"), likelihoods);
  EXPECT_THAT(read_file(parent / "summary.json"), HasSubstr("\"ppl\""));
}

TEST_F(Rerun, RunsNoCodeBecauseAFolderSaysSo) {
  ASSERT_EQ(run("t", "[quality]\nscorers = [\"mbpp_pass\"]\n"), ExitCode::kOk);
  const fs::path parent = runs().at(0).folder;
  std::string config = read_file(parent / "config.resolved.toml");
  const size_t at = config.find("run_code = false");
  ASSERT_NE(at, std::string::npos);
  write_file_atomically(parent / "config.resolved.toml", config.replace(at, 16, "run_code = true "));
  std::string scores = read_file(parent / "scores.jsonl");
  EXPECT_THAT(scores, HasSubstr("\"score_why\":\"code_not_run\""));
  ASSERT_EQ(quietly([&] { return rerun_command({.folder = parent.string()}); }), ExitCode::kOk);
  EXPECT_EQ(read_file(fs::path(parent.string() + ".2") / "scores.jsonl"), scores) << "unjudged, as in the parent";
}

TEST_F(Rerun, APublicCopyOfARealRunNamesNobody) {
  ASSERT_EQ(run("t"), ExitCode::kOk);
  const Identity here = identity_of_process();
  copy_for_public(runs().at(0).folder, folder_ / "public", here);
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "public")) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const std::string text = read_file(entry.path());
    for (const std::string& word : {here.home, here.host, folder_.string(), fs::current_path().string(),
                                    std::string(SPECULA_SOURCE_DIR), std::string("Once upon")})
      EXPECT_THAT(text, Not(HasSubstr(word))) << entry.path();
    EXPECT_EQ(without_identity(text, here), text) << entry.path() << ": nothing is left to be taken out";
  }
  EXPECT_GE(files, 8);
  EXPECT_THAT(read_file(folder_ / "public/manifest.json"), HasSubstr("\"demo/target\""));
}

TEST_F(Rerun, AMissedExpectationEndsWithThree) {
  const std::string portable = "[[expect]]\narm = \"sps\"\nmetric = \"tau\"\nmin = 100\n";
  EXPECT_EQ(run("missed", portable), ExitCode::kExpectation);
  EXPECT_EQ(summary(runs().at(0)).at("expectations").at(0).at("met"), false);
  EXPECT_EQ(run("warned", portable + "kind = \"hardware\"\n"), ExitCode::kOk);
  EXPECT_EQ(run("met", "[[expect]]\narm = \"ar\"\nmetric = \"tau\"\nvalue = 1\ntol_frac = 0.01\n"), ExitCode::kOk);
}

TEST_F(Rerun, AStudyIsHeldToItsExpectationsAgainWhenItIsFinished) {
  const std::string study =
      "[[sweep.grid]]\n\"arm.sps.drafter.length\" = [1, 2]\n[[expect]]\narm = \"sps\"\nmetric = "
      "\"drafted_per_step\"\nmax = 1.5\n";
  EXPECT_EQ(run("study", study), ExitCode::kExpectation);
  EXPECT_EQ(run("study", study), ExitCode::kExpectation);
  const std::vector<FoundRun> cells = runs();
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_THAT(runs_text(cells, "csv", 0), HasSubstr(",age_s,arm.sps.drafter.length,folder\n"));
  EXPECT_THAT(runs_text(where(cells, {"arm.sps.drafter.length=2"}), "csv", 0), HasSubstr("study,"));
}

}  // namespace
}  // namespace specula
