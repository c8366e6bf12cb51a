// The real program, killed at random moments and started again: no record is lost or doubled, the texts are those of a
// run that was left alone; signals and faults end with the exit codes that scripts rely on.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "experiments/report/summary.h"
#include "experiments/run/manifest.h"
#include "experiments/run/records.h"
#include "experiments/study/study_results.h"
#include "framework/core/files.h"
#include "framework/core/keyring.h"
#include "tests/experiments/started_program.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ResumeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("resume_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_study(24);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write_study(int max_new_tokens) const {
    const std::string source = SPECULA_SOURCE_DIR;
    std::ofstream(folder_ / "study.toml")
        << "include = [\"" << source << "/configs/base/demo.toml\"]\n[experiment]\nname = \"kill\"\nseed = 5\n"
        << "[data]\nlimit = 6\nmax_new_tokens = " << max_new_tokens << "\n[sampler]\ntemperature = 1.0\n"
        << "[measure]\nwarmup_prompts = 1\nrepetitions = 2\ntrace_limit = 2\nbootstrap = 100\nthreads = 1\n"
        << "[[arm]]\nname = \"ar\"\ndrafter = \"none\"\nbaseline = true\n"
        << "[[arm]]\nname = \"sps\"\ndrafter = { name = \"draft_model\", model = \"draft\", length = 3 }\n"
        << "[[arm]]\nname = \"beam\"\nstrategy = \"beam(width = 2)\"\n"
        << "[[arm]]\nname = \"best\"\nstrategy = { name = \"best_of_n\", n = 2 }\n";
  }

  // Starts `specula run study.toml --out DIR`; its output goes to files in the folder.
  pid_t start(const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"run", (folder_ / "study.toml").string(), "--out", (folder_ / out).string()};
    words.insert(words.end(), more.begin(), more.end());
    return start_program(words, folder_);
  }
  int run(const std::string& out, const std::vector<std::string>& more = {}) const {
    return wait_for_program(start(out, more));
  }
  std::string text(const std::string& file) const { return read_file(folder_ / file); }

  fs::path cell(const std::string& out) const {
    for (const auto& entry : fs::directory_iterator(folder_ / out / "kill")) {
      if (entry.is_directory()) return entry.path();
    }
    return {};
  }
  std::map<RecordKey, std::vector<Token>> texts(const std::string& out) const {
    std::map<RecordKey, std::vector<Token>> found;
    for (const Record& r : read_records(cell(out)).records) found.emplace(r.key, r.out);
    return found;
  }
  // Waits until segment number `count` has begun.
  void wait_for_segment(const std::string& out, int count) const {
    for (int i = 0; i < 1000; ++i) {
      if (fs::exists(folder_ / out / "kill") && fs::exists(cell(out) / "segments.jsonl")) {
        const std::string lines = read_file(cell(out) / "segments.jsonl");
        if (std::count(lines.begin(), lines.end(), '\n') >= count) return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  size_t all_lines(const std::string& out) const {  // records of all cells
    size_t count = 0;
    if (!fs::exists(folder_ / out / "kill")) return count;
    for (const auto& entry : fs::directory_iterator(folder_ / out / "kill")) {
      const fs::path file = entry.path() / "records" / "s000-of-001.jsonl";
      if (!fs::exists(file)) continue;
      const std::string lines = read_file(file);
      count += static_cast<size_t>(std::count(lines.begin(), lines.end(), '\n'));
    }
    return count;
  }
  size_t record_bytes(const std::string& out) const {
    if (!fs::exists(folder_ / out / "kill")) return 0;
    const fs::path file = cell(out) / "records" / "s000-of-001.jsonl";
    return fs::exists(file) ? fs::file_size(file) : 0;
  }
  // Waits until the run has written more than it had, so that a signal meets it between two prompts or in the next.
  void wait_for_more(const std::string& out, size_t before) const {
    for (int i = 0; i < 1000 && record_bytes(out) <= before; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  fs::path folder_;
};

TEST_F(ResumeTest, KilledAtRandomMomentsItLosesAndDoublesNothing) {
  ASSERT_EQ(run("whole"), 0) << text("stderr");
  const auto whole = texts("whole");
  ASSERT_EQ(whole.size(), 4u * (6 * 2 + 2));
  EXPECT_THAT(text("stdout"), HasSubstr("| ar (ref) |"));

  const Keyring keys(2024);
  int killed = 0, code = -SIGKILL;
  for (int attempt = 0; attempt < 40 && code != 0; ++attempt) {
    const size_t before = record_bytes("killed");
    const pid_t child = start("killed");
    if (attempt < 5) {  // the first while it starts, four at work; later attempts are left alone
      if (attempt > 0) wait_for_more("killed", before);
      const double ms = (attempt > 0 ? 40 : 250) * keys.uniform(Use::kSearch, 0, attempt, 0);
      std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int64_t>(1000 * ms)));
      ::kill(child, SIGKILL);
    }
    code = wait_for_program(child);
    ASSERT_TRUE(code == 0 || code == -SIGKILL) << code << "\n" << text("stderr");
    killed += code == -SIGKILL ? 1 : 0;
  }
  EXPECT_EQ(code, 0);
  EXPECT_GE(killed, 1) << "nothing was killed: the test tests nothing";
  EXPECT_EQ(texts("killed"), whole);
  const RecordSet set = read_records(cell("killed"));
  EXPECT_TRUE(set.duplicates.empty());
  EXPECT_EQ(set.superseded, 0);
  for (const Check& c : rebuild_summary(cell("killed")).checks)
    EXPECT_TRUE(c.passed) << c.name << " of " << c.arm << ": " << c.detail;
  EXPECT_TRUE(fs::exists(cell("killed") / "DONE"));
}

// Killed once in each of its two cells, a study ends as if it had been left alone.
TEST_F(ResumeTest, AKilledStudyEndsLikeOneThatWasLeftAlone) {
  const std::vector<std::string> sweep = {"--arms", "sps", "--sweep", "arm.sps.drafter.length=2,3"};
  const auto all_texts = [&](const std::string& out) {
    std::map<std::pair<std::string, RecordKey>, std::vector<Token>> found;
    for (const auto& entry : fs::directory_iterator(folder_ / out / "kill")) {
      if (!entry.is_directory()) continue;
      for (const Record& r : read_records(entry.path()).records)
        found.emplace(std::pair(entry.path().filename().string(), r.key), r.out);
    }
    return found;
  };
  ASSERT_EQ(run("whole", sweep), 0) << text("stderr");
  const auto whole = all_texts("whole");
  ASSERT_EQ(whole.size(), 2u * 2 * (6 * 2 + 2));
  EXPECT_THAT(text("stdout"), HasSubstr("Best: **sps length="));
  int killed = 0, code = -SIGKILL;
  for (int attempt = 0; attempt < 10 && code != 0; ++attempt) {
    const pid_t child = start("killed", sweep);
    if (attempt < 2) {  // once in the first cell, once in the second
      for (int i = 0; i < 3000 && all_lines("killed") <= static_cast<size_t>(attempt) * 28 + 4; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ::kill(child, SIGKILL);
    }
    code = wait_for_program(child);
    killed += code == -SIGKILL ? 1 : 0;
  }
  EXPECT_EQ(code, 0) << text("stderr");
  EXPECT_EQ(killed, 2);
  EXPECT_EQ(all_texts("killed"), whole);
  EXPECT_EQ(read_file(folder_ / "killed/kill/sweep.json"), read_file(folder_ / "whole/kill/sweep.json"));
  // What was written while it ran and what its folder tells are the same.
  const StudyResult study = read_study(folder_ / "killed/kill");
  EXPECT_EQ(study_table(study, rank_choices(study)), read_file(folder_ / "killed/kill/study.md"));
  EXPECT_EQ(study_html(study, rank_choices(study)), read_file(folder_ / "killed/kill/report.html"));
}

// Time is looked at after each round, so even the first one is told.
TEST_F(ResumeTest, ATurnThatTakesTooLongIsGivenUp) {
  EXPECT_EQ(run("out", {"--arms", "sps", "--set", "measure.timeout_s=1e-6"}), 1);
  EXPECT_THAT(text("stderr"), HasSubstr("nothing succeeded with the first prompt: not at its end after 1e-06 s "
                                        "([measure] timeout_s): round 0 ended at position "));
  EXPECT_EQ(run("slow", {"--arms", "sps", "--limit", "1", "--set", "measure.timeout_s=600"}), 0) << text("stderr");
}

// A cell that cannot run stays visible, the others run, and the exit code says that something failed.
TEST_F(ResumeTest, ACellThatFailsStaysVisible) {
  // The first cell's folder is a file in the way.
  ASSERT_EQ(run("out", {"--arms", "sps", "--limit", "1", "--sweep", "data.max_new_tokens=4"}), 0) << text("stderr");
  const fs::path good = cell("out");
  EXPECT_THAT(read_file(folder_ / "out/kill/sweep.json"), HasSubstr("\"state\": \"done\""));
  fs::remove_all(folder_ / "out");
  fs::create_directories(folder_ / "out/kill");
  std::ofstream(folder_ / "out/kill" / good.filename()) << "in the way";
  EXPECT_EQ(run("out", {"--arms", "sps", "--limit", "1", "--sweep", "data.max_new_tokens=4,5"}), 5) << text("stderr");
  const std::string plan = read_file(folder_ / "out/kill/sweep.json");
  EXPECT_THAT(plan, HasSubstr("\"state\": \"failed\""));
  EXPECT_THAT(plan, HasSubstr("\"state\": \"done\""));
  EXPECT_THAT(text("stdout"), HasSubstr("! max_new_tokens=4: "));
}

TEST_F(ResumeTest, SignalsEndWithTheirCodesAndRunningAgainFinishes) {
  write_study(96);
  const std::vector<std::pair<int, int>> codes = {{SIGTERM, 75}, {SIGINT, 130}, {SIGUSR1, 75}};
  int segments = 0;
  for (const auto& [signal, code] : codes) {
    const pid_t child = start("signals");
    wait_for_segment("signals", ++segments);
    ::kill(child, signal);
    ASSERT_EQ(wait_for_program(child), code) << text("stderr");
    EXPECT_THAT(read_file(cell("signals") / "status.json"), HasSubstr("\"state\": \"interrupted\""));
    EXPECT_TRUE(fs::exists(cell("signals") / "PARTIAL"));
    EXPECT_THAT(text("stderr"), HasSubstr("the same command finishes"));
    EXPECT_EQ(text("stdout"), "");
  }
  ASSERT_EQ(run("signals"), 0) << text("stderr");
  EXPECT_TRUE(fs::exists(cell("signals") / "DONE"));
  EXPECT_FALSE(fs::exists(cell("signals") / "PARTIAL"));
  EXPECT_EQ(texts("signals").size(), 4u * (6 * 2 + 2));
}

TEST_F(ResumeTest, RunAgainPrintsTheSameTableAndTouchesNoRecord) {
  ASSERT_EQ(run("again"), 0) << text("stderr");
  const std::string table = text("stdout"), records = read_file(cell("again") / "records" / "s000-of-001.jsonl");
  ASSERT_EQ(run("again"), 0) << text("stderr");
  EXPECT_EQ(text("stdout"), table);
  EXPECT_EQ(read_file(cell("again") / "records" / "s000-of-001.jsonl"), records);
  ASSERT_EQ(run("again", {"--resume", "never"}), 0) << text("stderr");
  EXPECT_THAT(text("stdout"), HasSubstr(".2/report.html\n"));
  EXPECT_FALSE(read_file(cell("again") / "records" / "s000-of-001.jsonl").empty());
  for (const char* const file : {"manifest.json", "config.resolved.toml", "env.json", "inputs.jsonl", "status.json",
                                 "summary.json", "summary.csv", "table.md", "report.html", "log.txt"}) {
    EXPECT_TRUE(fs::exists(cell("again") / file)) << file;
  }
}

TEST_F(ResumeTest, FaultsAreOneLineAndWriteNothing) {
  EXPECT_EQ(run("out", {"--set", "data.categories=[\"poetry\"]"}), 2);
  EXPECT_THAT(text("stderr"), HasSubstr("no prompt is of the category \"poetry\""));
  EXPECT_EQ(run("out", {"--set", "data.max_new_tokens=1020"}), 2);
  EXPECT_THAT(text("stderr"), HasSubstr("more than the context of model 'target', 1024"));
  EXPECT_EQ(run("out", {"--resume", "perhaps"}), 2);
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  std::ofstream(folder_ / "file") << "not a folder";
  EXPECT_EQ(run("file"), 1);
  EXPECT_THAT(text("stderr"), HasSubstr("cannot create the folder"));
  EXPECT_EQ(text("file"), "not a folder");
}

}  // namespace
}  // namespace specula
