// A run in shards is the run: the same records and figures as in one piece, whatever happens to a shard on the way, and
// nothing is merged that does not belong together.
#include "experiments/run/shard.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "experiments/commands.h"
#include "experiments/pages/markup.h"
#include "experiments/report/summary.h"
#include "experiments/run/run_plan.h"
#include "experiments/run/run_status.h"
#include "experiments/slurm/array_script.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "tests/experiments/started_program.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

TEST(Shards, APromptHasOneAndKeepsIt) {
  for (const int count : {1, 3, 7}) {
    std::vector<int> sizes(static_cast<size_t>(count));
    for (int i = 0; i < 1000; ++i) {
      const std::string id = cat("prompt/", i);
      int owners = 0;
      for (int index = 0; index < count; ++index) owners += Shard{index, count}.has(id) ? 1 : 0;
      EXPECT_EQ(owners, 1) << id;
      ++sizes[static_cast<size_t>(shard_of(id, count))];
    }
    for (const int size : sizes) EXPECT_GT(size, 1000 / count * 3 / 4);
  }
  // Fixed for ever, or a run that was begun could not be finished: sha256("shard/" + id), the first 8 bytes, mod n.
  EXPECT_EQ(shard_of("a", 3), 1);
  EXPECT_EQ(shard_of("mt/81", 4), 0);
  EXPECT_EQ(shard_of("story-3", 8), 5);
}

TEST(Shards, AreReadFromTheCommandLine) {
  EXPECT_EQ(parse_shard("2/12").text(), "2/12");
  EXPECT_EQ(parse_shard("2/12").name(), "s002-of-012");
  EXPECT_TRUE(parse_shard("0/1").is_whole());
  for (const char* const wrong : {"", "1", "/", "1/", "/4", "4/4", "-1/4", "0/0", "1/4x", " 1/4", "1.0/4"})
    EXPECT_THROW(parse_shard(wrong), ConfigError) << wrong;
}

TEST(Shards, OfAPlanAreDisjointAndComplete) {
  const ExperimentConfig config =
      load_config(fs::path(SPECULA_SOURCE_DIR) / "configs/studies/quickstart.toml", {}, make_registries());
  const Plan whole = make_plan(config);
  std::set<int64_t> orders;
  for (int i = 0; i < 4; ++i) {
    Plan part = make_plan(config);
    keep_shard(part, {i, 4});
    EXPECT_EQ(part.prompts.size(), whole.prompts.size()) << "only units are left out";
    for (const Unit& unit : part.units) {
      const Unit& same = whole.units.at(static_cast<size_t>(unit.order));
      EXPECT_EQ(std::tuple(unit.trace, unit.prompts, unit.rep), std::tuple(same.trace, same.prompts, same.rep));
      EXPECT_TRUE(orders.insert(unit.order).second) << "two shards have unit " << unit.order;
    }
  }
  EXPECT_EQ(orders.size(), whole.units.size());
}

TEST(ArrayScripts, ListTasksAndQuoteWords) {
  EXPECT_EQ(task_list({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
  EXPECT_EQ(task_list({4}), "4");
  EXPECT_EQ(shell_quoted("a/b-c_d.e=1,2"), "a/b-c_d.e=1,2");
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
}

class ShardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              cat("shard_", ::testing::UnitTest::GetInstance()->current_test_info()->name(), "_", ::getpid());
    fs::create_directories(folder_);
    write_study();
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write_study() const {
    std::ofstream(folder_ / "study.toml")
        << "include = [\"" << SPECULA_SOURCE_DIR << "/configs/base/demo.toml\"]\n[experiment]\nname = \"parts\"\n"
        << "seed = 5\n[data]\nlimit = 8\nmax_new_tokens = 8\n[sampler]\ntemperature = 1.0\n"
        << "[measure]\nwarmup_prompts = 1\nrepetitions = 2\ntrace_limit = 2\nbootstrap = 100\n"
        << "threads = 1\nquality_tokens = 0\n[[arm]]\nname = \"ar\"\ndrafter = \"none\"\nbaseline = true\n"
        << "[[arm]]\nname = \"sps\"\ndrafter = { name = \"draft_model\", model = \"draft\", length = 3 }\n";
  }

  Words run_words(const std::string& out, const Words& more = {}) const {
    Words words = {"run", (folder_ / "study.toml").string(), "--out", (folder_ / out).string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  int program(const Words& words) const { return wait_for_program(start_program(words, folder_)); }
  int run(const std::string& out, const Words& more = {}) const { return program(run_words(out, more)); }
  void run_shards(const std::string& out, int count, const Words& more = {}) const {
    for (int i = 0; i < count; ++i) {
      Words words = {"--shard", cat(i, "/", count)};
      words.insert(words.end(), more.begin(), more.end());
      ASSERT_EQ(run(out, words), 0) << printed();
      EXPECT_EQ(read_file(folder_ / "stdout"), "") << "a shard has no table";
    }
  }
  int merge(const fs::path& folder, const Words& more = {}) const {
    Words words = {"merge", folder.string()};
    words.insert(words.end(), more.begin(), more.end());
    return program(words);
  }
  std::string printed() const { return read_file(folder_ / "stdout") + read_file(folder_ / "stderr"); }

  fs::path study(const std::string& out) const { return folder_ / out / "parts"; }
  fs::path cell(const std::string& out) const {
    for (const auto& entry : fs::directory_iterator(study(out))) {
      if (fs::exists(entry.path() / "manifest.json")) return entry.path();
    }
    return {};
  }

  // All of a record that does not come from a clock.
  static std::string timeless(const Record& record) {
    nlohmann::ordered_json json = nlohmann::ordered_json::parse(to_line(record));
    for (const char* const name :
         {"t_start_us", "prefill_us", "ttft_us", "decode_us", "e2e_us", "unbilled_us", "ready_us", "phase_us"})
      json.erase(name);
    return json.dump();
  }
  static Words texts(const fs::path& run_folder) {
    Words all;
    for (const Record& r : read_records(run_folder).records) all.push_back(timeless(r));
    return all;
  }
  // Counts, acceptance and quality of every arm and category, and what is said of them.
  static std::string figures(const fs::path& run_folder) {
    const Summary summary = summarize(read_manifest(run_folder), read_records(run_folder));
    std::string text;
    for (const CellSummary& c : summary.cells) {
      text += cat(c.arm, " ", c.category, " ", c.num_prompts, " ", c.counts.records, " ", c.counts.rounds, " ",
                  c.counts.drafted, " ", c.counts.accepted, " ", c.counts.kept, " ", c.counts.tokens, "\n");
      for (const char* const name : {"tau", "alpha", "accepted_per_step", "draft_accept_frac", "tau_prompt_mean",
                                     "exact_frac", "util_frac", "first_div_tok"}) {
        const Estimate& e = c.at(name);
        text += cat(name, " ", e.value, " ", e.interval.low, " ", e.interval.high, " ", e.n, " ", e.why, "\n");
      }
      for (const DepthCounts& d : c.depths) text += cat(d.drafted, "/", d.tested, "/", d.accepted, " ");
      for (const int64_t n : c.accepted_histogram) text += cat(n, " ");
      text += "\n";
    }
    for (const Check& c : summary.checks) text += cat(c.name, " ", c.arm, " ", c.passed, " ", c.detail, "\n");
    return text + join(summary.warnings, "\n") + join(summary.excluded, "\n");
  }

  fs::path folder_;
};

TEST_F(ShardTest, MergedTheyAreTheRunInOnePiece) {
  ASSERT_EQ(run("whole"), 0) << printed();
  run_shards("parts", 3);
  const fs::path whole = cell("whole"), parts = cell("parts");
  EXPECT_FALSE(fs::exists(parts / "summary.json")) << "no shard speaks for the run";
  ASSERT_EQ(merge(parts), 0) << printed();
  EXPECT_THAT(read_file(folder_ / "stdout"), AllOf(HasSubstr("| ar (ref) |"), HasSubstr("report.html\n")));
  EXPECT_EQ(texts(parts), texts(whole));
  EXPECT_EQ(texts(parts).size(), 2U * (8 * 2 + 2));
  EXPECT_EQ(figures(parts), figures(whole));
  EXPECT_EQ(read_file(parts / "inputs.jsonl"), read_file(whole / "inputs.jsonl"));
  for (const char* const file :
       {"summary.json", "summary.csv", "table.md", "report.html", "status.json", "env.json", "DONE"})
    EXPECT_TRUE(fs::exists(parts / file)) << file;
  EXPECT_EQ(read_manifest(parts).shards, 3);

  ASSERT_EQ(program({"status", parts.string()}), 0);
  EXPECT_THAT(read_file(folder_ / "stdout"),
              AllOf(HasSubstr(": done, 18 of 18 (100%)"), HasSubstr("\n  shard 0/3: done, "),
                    HasSubstr("\n  shard 2/3: done, ")));
  ASSERT_EQ(merge(parts), 0) << "again";

  RunInfo info = read_manifest(parts);
  info.arms[1].state = "run";
  const Summary learned = summarize(info, read_records(parts));
  EXPECT_THAT(learned.warnings, ::testing::Contains(HasSubstr("began anew in each of 3 shards")));
  ASSERT_EQ(merge(whole), 0) << "a run in one piece is one shard: " << printed();
}

// What is derived of texts is derived of all of them, whoever wrote them.
TEST_F(ShardTest, ScoresAndLikelihoodsAreThoseOfTheRunInOnePiece) {
  std::string prompts;
  for (int i = 0; i < 6; ++i) {
    prompts += cat(R"({"id": "p)", i, R"(", "category": ")", i % 2 == 0 ? "even" : "odd",
                   R"(", "prompt": "Tom has 1, 2, )", i, R"(, ", "reference": "#### )", i, "\"}\n");
  }
  std::ofstream(folder_ / "prompts.jsonl") << prompts;
  const Words judged = {"--set", cat("data.prompts=", (folder_ / "prompts.jsonl").string()),
                        "--set", "quality.scorers=[\"gsm8k_em\"]",
                        "--set", "quality.nll=true"};
  ASSERT_EQ(run("whole", judged), 0) << printed();
  run_shards("parts", 3, judged);
  const fs::path whole = cell("whole"), parts = cell("parts");
  for (const char* const file : {"scores.jsonl", "nll.jsonl"})
    EXPECT_FALSE(fs::exists(parts / file)) << "no shard has all texts";
  // What an earlier merge left, when there was less.
  std::ofstream(parts / "nll.jsonl") << R"({"arm":"ar","prompt":"p0","turn":0,"rep":0,"nll_sum_nats":1e9,"n_tok":1})"
                                     << "\n";
  ASSERT_EQ(merge(parts), 0) << printed();
  for (const char* const file : {"scores.jsonl", "nll.jsonl"}) {
    const std::string text = read_file(whole / file);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 * 6 * 2) << file << ": arms, prompts, repetitions";
    EXPECT_EQ(read_file(parts / file), text) << file;
  }
  const Summary of_whole = summarize(read_manifest(whole), read_records(whole)),
                of_parts = summarize(read_manifest(parts), read_records(parts));
  for (const char* const metric : {"score.gsm8k_em@1", "score_delta.gsm8k_em@1", "nll_nats", "ppl", "nll_delta"}) {
    for (const char* const category : {"", "even"}) {
      const Estimate &one = of_whole.cell("sps", category).at(metric),
                     &other = of_parts.cell("sps", category).at(metric);
      EXPECT_TRUE(std::isfinite(one.value)) << metric;
      EXPECT_EQ(one.value, other.value) << metric;
      EXPECT_EQ(one.interval.low, other.interval.low) << metric;
    }
  }
  EXPECT_THAT(read_file(parts / "table.md"),
              AllOf(HasSubstr("gsm8k_em@1 of sps: "), HasSubstr(" in float32:\n- ar: ")));
}

TEST_F(ShardTest, WhatIsMissingIsNamed) {
  run_shards("out", 3);
  const fs::path parts = cell("out");
  std::string lost;
  for (const Record& r : read_records_of(records_file(parts, {1, 3})).records) lost = r.key.prompt;
  ASSERT_NE(lost, "");
  fs::remove_all(shard_folder(parts, {1, 3}));
  fs::remove(records_file(parts, {1, 3}));
  EXPECT_EQ(merge(parts), 1);
  EXPECT_THAT(printed(), AllOf(HasSubstr("shard 1/3 is waiting"), HasSubstr("prompts lack records: "), HasSubstr(lost),
                               HasSubstr("--force")));
  EXPECT_FALSE(fs::exists(parts / "summary.json"));
  ASSERT_EQ(program({"status", parts.string()}), 0);
  EXPECT_THAT(printed(), AllOf(HasSubstr(": waiting, "), HasSubstr("\n  shard 1/3: waiting\n")));

  EXPECT_EQ(merge(parts, {"--force"}), 5) << printed();
  EXPECT_TRUE(fs::exists(parts / "PARTIAL"));
  EXPECT_THAT(read_file(parts / "summary.json"), HasSubstr("\"passed\": false"));
  ASSERT_EQ(run("out", {"--shard", "1/3"}), 0) << "what was lost is run again: " << printed();
  EXPECT_EQ(merge(parts), 0) << printed();
  EXPECT_FALSE(fs::exists(parts / "PARTIAL"));
}

TEST_F(ShardTest, AForeignManifestIsRefused) {
  run_shards("out", 2, {"--limit", "3"});
  const fs::path parts = cell("out");
  RunInfo info = read_manifest(parts);
  info.identity["binary"] = "abc";
  info.identity["machine"] = "another CPU";
  write_manifest(parts, info);
  EXPECT_EQ(merge(parts), 1);
  EXPECT_THAT(printed(), AllOf(HasSubstr("shard 0/2 has another binary (was abc, is "),
                               HasSubstr("shard 1/2 has another machine (was another CPU, is ")));
  EXPECT_EQ(run("out", {"--limit", "3", "--shard", "1/2"}), 2) << "nor does a shard go on under it";
  EXPECT_THAT(printed(), HasSubstr("begun with another binary"));
  EXPECT_EQ(merge(parts, {"--force"}), 5);

  std::string manifest = read_file(parts / "manifest.json");
  manifest.replace(manifest.find("specula.run/1.0"), 15, "specula.run/2.0");
  std::ofstream(parts / "manifest.json") << manifest;
  EXPECT_EQ(merge(parts), 1);
  EXPECT_THAT(printed(), HasSubstr("its schema is specula.run/2.0"));
}

TEST_F(ShardTest, OtherHostsAreAWarning) {
  run_shards("out", 2, {"--limit", "3"});
  const fs::path file = shard_folder(cell("out"), {1, 2}) / "segments.jsonl";
  nlohmann::ordered_json segment = nlohmann::ordered_json::parse(read_file(file));
  const std::string here = segment.at("host");
  segment["host"] = "elsewhere";
  std::ofstream(file) << segment.dump() << "\n";
  ASSERT_EQ(merge(cell("out")), 0) << printed();
  EXPECT_THAT(read_file(folder_ / "stderr"), AllOf(HasSubstr("elsewhere"), HasSubstr(here)));
  EXPECT_THAT(read_file(folder_ / "stdout"), HasSubstr("! its speeds are put together from 2 hosts\n"));
  EXPECT_THAT(read_file(cell("out") / "summary.json"), Not(HasSubstr("elsewhere"))) << "summaries are published";
}

TEST_F(ShardTest, RecordedRoundsOfAllShardsAreReplayed) {
  const Words recorded = {"--limit", "3", "--set", "output.record=distributions"};
  ASSERT_EQ(run("whole", recorded), 0) << printed();
  run_shards("parts", 2, recorded);
  Words replayed[2];
  for (const int part : {0, 1}) {
    const fs::path folder = cell(part == 0 ? "whole" : "parts");
    ASSERT_EQ(program({"replay", folder.string(), "--verifiers", "rejection,block"}), 0) << printed();
    for (Record r : read_records(folder / "replay").records) {
      r.rounds.rule_us.clear();
      replayed[part].push_back(to_line(r));
    }
    std::sort(replayed[part].begin(), replayed[part].end());
  }
  EXPECT_EQ(replayed[0].size(), 2U * 3 * 2);
  EXPECT_EQ(replayed[1], replayed[0]);
}

TEST_F(ShardTest, AnotherNumberOfShardsIsRefused) {
  run_shards("out", 2);
  for (const Words& other : {Words{"--shard", "1/3"}, Words{}, Words{"--shard", "0/3", "--resume", "force"}}) {
    EXPECT_EQ(run("out", other), 2);
    EXPECT_THAT(printed(), HasSubstr("this run was begun with 2 shards"));
  }
  EXPECT_FALSE(fs::exists(shard_folder(cell("out"), {1, 3})));
  EXPECT_EQ(run("out", {"--shard", "1/2", "--resume", "never"}), 2);
  EXPECT_EQ(run("out", {"--shard", "2/2"}), 2);
  EXPECT_THAT(printed(), HasSubstr("--shard 2/2: expected i/n"));
}

TEST_F(ShardTest, DuplicatesMustAgree) {
  run_shards("out", 2);
  const fs::path parts = cell("out"), first = records_file(parts, {0, 2}), second = records_file(parts, {1, 2});
  const std::string kept = read_file(second);
  const Record again = read_records_of(first).records.front();
  std::ofstream(second, std::ios::app) << to_line(again) << "\n";
  EXPECT_EQ(merge(parts), 0) << "the same once more: " << printed();
  Record other = again;
  ASSERT_FALSE(other.out.empty());
  other.out.front() ^= 1;
  std::ofstream(second) << kept << to_line(other) << "\n";
  EXPECT_EQ(merge(parts), 1);
  EXPECT_THAT(printed(), HasSubstr(cat("two records of arm ", again.key.arm, ", prompt ", again.key.prompt)));
  std::ofstream(second) << kept;
  std::ofstream(parts / "records" / "s000-of-001.jsonl") << to_line(again) << "\n";
  EXPECT_EQ(merge(parts), 1);
  EXPECT_THAT(printed(), HasSubstr("records/s000-of-001.jsonl is of none of the 2 shards"));
}

// All shards of two cells at once, as on a cluster.
TEST_F(ShardTest, AStudyInShardsAtOnce) {
  const Words sweep = {"--sweep", "arm.sps.drafter.length=2,3", "--limit", "5"};
  ASSERT_EQ(run("whole", sweep), 0) << printed();
  std::vector<pid_t> started;
  for (int i = 0; i < 3; ++i) {
    Words words = sweep;
    words.insert(words.end(), {"--shard", cat(i, "/3")});
    started.push_back(start_program(run_words("parts", words), folder_));
  }
  for (const pid_t child : started) ASSERT_EQ(wait_for_program(child), 0) << printed();
  EXPECT_THAT(read_file(study("parts") / "sweep.json"), AllOf(HasSubstr("waiting"), Not(HasSubstr("done"))));
  ASSERT_EQ(merge(study("parts")), 0) << printed();
  EXPECT_THAT(read_file(folder_ / "stdout"), HasSubstr("Best: **sps length="));
  EXPECT_EQ(read_file(study("parts") / "sweep.json"), read_file(study("whole") / "sweep.json"));
  EXPECT_TRUE(fs::exists(study("parts") / "study.md"));
  int cells = 0;
  for (const auto& entry : fs::directory_iterator(study("whole"))) {
    if (!fs::exists(entry.path() / "manifest.json")) continue;
    ++cells;
    EXPECT_EQ(texts(study("parts") / entry.path().filename()), texts(entry.path()));
    EXPECT_EQ(figures(study("parts") / entry.path().filename()), figures(entry.path()));
  }
  EXPECT_EQ(cells, 2);
  EXPECT_EQ(run("parts", {"--shard", "0/3", "--limit", "5", "--sweep", "arm.sps.drafter.length=2,4"}), 2);
  EXPECT_THAT(printed(), HasSubstr("this study was begun with the cells"));
  fs::remove_all(shard_folder(cell("parts"), {0, 3}));
  EXPECT_EQ(merge(study("parts")), 1);
  EXPECT_THAT(printed(), HasSubstr("shard 0/3 is waiting"));
}

TEST_F(ShardTest, KilledAndWarnedItResumesAndHasOneWriter) {
  // Long texts, so that a shard is still at work when the second one has started.
  const Words longer = {"--set", "data.max_new_tokens=128", "--set", "data.ignore_eos=true"};
  const auto of_two = [&](const std::string& which) {
    Words words = longer;
    words.insert(words.end(), {"--shard", which});
    return words;
  };
  ASSERT_EQ(run("whole", longer), 0) << printed();
  const Words shard = of_two("0/2");
  const auto records = [&] { return records_file(cell("out"), {0, 2}); };
  const auto wait_for_more = [&](uintmax_t before) {
    for (int i = 0; i < 5000; ++i) {
      if (fs::exists(study("out")) && !cell("out").empty() && fs::exists(records()) &&
          fs::file_size(records()) > before)
        return;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    FAIL() << "the shard writes nothing: " << printed();
  };
  pid_t child = start_program(run_words("out", shard), folder_);
  wait_for_more(0);
  EXPECT_EQ(run("out", shard), 1);
  EXPECT_THAT(printed(), HasSubstr("another process is running shard 0/2 of this"));
  ::kill(child, SIGKILL);
  ASSERT_EQ(wait_for_program(child), -SIGKILL) << "it ended before it was killed: the test tests nothing";

  const uintmax_t before = fs::file_size(records());
  child = start_program(run_words("out", shard), folder_);
  wait_for_more(before);
  ::kill(child, SIGUSR1);
  ASSERT_EQ(wait_for_program(child), 75) << printed();
  EXPECT_EQ(read_status(shard_folder(cell("out"), {0, 2}))->state, "interrupted");
  EXPECT_EQ(merge(cell("out")), 1);
  EXPECT_THAT(printed(), HasSubstr("shard 0/2 is interrupted, "));

  ASSERT_EQ(run("out", shard), 0) << printed();
  ASSERT_EQ(run("out", of_two("1/2")), 0) << printed();
  ASSERT_EQ(merge(cell("out")), 0) << printed();
  std::set<std::string> segments;
  const auto without_segment = [&](const fs::path& run_folder) {
    Words all;
    for (Record r : read_records(run_folder).records) {
      segments.insert(cat(r.segment));
      r.segment = 0;
      all.push_back(timeless(r));
    }
    return all;
  };
  EXPECT_EQ(without_segment(cell("out")), without_segment(cell("whole")));
  EXPECT_GT(segments.size(), 1U);
}

class LaunchTest : public ShardTest {
 protected:
  Words slurm(const Words& more) const {
    Words words = {"slurm", (folder_ / "study.toml").string(), "--out", (folder_ / "out").string(), "--limit", "4"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_F(LaunchTest, TheLocalLauncherRunsTheScript) {
  ASSERT_EQ(program(slurm({"--submit", "--launcher", "local", "--shards", "3", "--parallel", "2"})), 0) << printed();
  EXPECT_THAT(read_file(folder_ / "stdout"), HasSubstr("| ar (ref) |"));
  ASSERT_EQ(run("whole", {"--limit", "4"}), 0) << printed();
  EXPECT_EQ(texts(cell("out")), texts(cell("whole")));
  ASSERT_EQ(program(slurm({"--retry-failed", "--launcher", "local"})), 0) << printed();
  EXPECT_THAT(printed(), HasSubstr("No shard is left to run"));

  fs::remove_all(shard_folder(cell("out"), {1, 3}));
  ASSERT_EQ(program(slurm({"--retry-failed", "--launcher", "local"})), 0) << printed();
  EXPECT_THAT(read_file(study("out") / "slurm" / "array.sh"), HasSubstr("#SBATCH --array=1\n"));
  EXPECT_EQ(program(slurm({"--retry-failed", "--shards", "4"})), 2);
  EXPECT_THAT(printed(), HasSubstr("was begun with 3"));
  EXPECT_EQ(program(slurm({})), 2);
  EXPECT_EQ(program(slurm({"--print", "--submit"})), 2);
}

TEST_F(LaunchTest, AFailedShardIsTold) {
  fs::create_directories(study("out"));
  std::ofstream(folder_ / "file") << "in the way";
  Words words = slurm({"--submit", "--launcher", "local", "--shards", "2"});
  ASSERT_EQ(program(words), 0) << printed();
  const fs::path run_folder = cell("out");
  fs::remove_all(shard_folder(run_folder, {1, 2}));
  fs::copy_file(folder_ / "file", shard_folder(run_folder, {1, 2}));
  EXPECT_EQ(program(words), 1);
  EXPECT_THAT(printed(), AllOf(HasSubstr("shard 1 of 2 ended with 1"), HasSubstr("--retry-failed")));
}

// What sbatch and scontrol are given, by stand-ins that write it down.
TEST_F(LaunchTest, SlurmIsGivenAnArrayAndAMerge) {
  fs::create_directories(folder_ / "bin");
  for (const char* const name : {"sbatch", "scontrol"}) {
    std::ofstream(folder_ / "bin" / name) << "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\" >>" << folder_.string()
                                          << "/" << name << ".txt; done\necho '17;cluster'\n";
    fs::permissions(folder_ / "bin" / name, fs::perms::owner_all);
  }
  ::setenv("PATH", cat((folder_ / "bin").string(), ":", std::getenv("PATH")).c_str(), 1);
  ASSERT_EQ(program(slurm({"--submit", "--shards", "3", "--parallel", "2", "--sbatch", "--time=5 --mem=1G"})), 0)
      << printed();
  EXPECT_THAT(printed(), AllOf(HasSubstr("array job 17: shards 0-2 of 3"), HasSubstr("merge job 17")));
  EXPECT_THAT(read_file(folder_ / "sbatch.txt"),
              AllOf(HasSubstr("array.sh\n"), HasSubstr("\n--dependency=afterany:17\n"), HasSubstr("\n--mem=1G\n"),
                    HasSubstr("\n--wrap="), HasSubstr(" merge ")));
  const std::string script = read_file(study("out") / "slurm" / "array.sh");
  for (const char* const line :
       {"--array=0-2%2", "--signal=B:USR1@120", "--requeue", "--open-mode=append", "--time=5 --mem=1G"})
    EXPECT_THAT(script, HasSubstr(cat("#SBATCH ", line, "\n")));

  // The task itself: notice of the end of its time, 75, and back into the queue, but not for ever.
  const std::string stub = (folder_ / "bin" / "specula").string();
  std::ofstream(stub) << "#!/bin/bash\ntrap 'exit 75' USR1 TERM\necho $BASHPID >" << (folder_ / "task").string()
                      << "\nfor ((i = 0; i < 1000; ++i)); do sleep 0.01; done\n";
  fs::permissions(stub, fs::perms::owner_all);
  ArrayJob job{.name = "task",
               .program = stub,
               .directory = folder_,
               .run_words = {"x.toml"},
               .folder = folder_,
               .logs = folder_,
               .shards = 1,
               .tasks = {0},
               .max_requeue = 2};
  std::ofstream(folder_ / "task.sh") << array_script(job);
  const auto run_task = [&](int signal, int restarts) {
    fs::remove(folder_ / "task");
    fs::remove(folder_ / "scontrol.txt");
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("SLURM_JOB_ID", "17", 1);
      ::setenv("SLURM_ARRAY_TASK_ID", "0", 1);
      ::setenv("SLURM_RESTART_COUNT", std::to_string(restarts).c_str(), 1);
      ::execl("/bin/bash", "bash", (folder_ / "task.sh").c_str(), nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 1000 && !fs::exists(folder_ / "task"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::kill(child, signal);
    const int code = wait_for_program(child);
    return cat(code, fs::exists(folder_ / "scontrol.txt") ? " requeued" : "");
  };
  EXPECT_EQ(run_task(SIGUSR1, 0), "75 requeued");
  EXPECT_EQ(run_task(SIGUSR1, 2), "75");
  EXPECT_EQ(run_task(SIGTERM, 0), "75") << "cancelled";
}

}  // namespace
}  // namespace specula
