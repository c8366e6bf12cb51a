// Run folders written by hand for the tests of what reads them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "experiments/run/manifest.h"
#include "experiments/run/records.h"
#include "framework/core/error.h"

namespace specula {

class RunsFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) /
              cat("specula_", test->test_suite_name(), "_", test->name(), "_", ::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }

 public:
  // Two arms, `sps` against `ar`.
  static RunInfo info(const std::string& experiment, const std::string& created = "2025-01-01T00:00:00Z") {
    RunInfo run;
    run.run_id = "01TEST";
    run.experiment = experiment;
    run.cell = "cell";
    run.created_utc = created;
    run.arms = {{.name = "ar",
                 .target = "target",
                 .drafter = "none",
                 .verifier = "greedy_match",
                 .guarantee = "greedy exact",
                 .baseline = true},
                {.name = "sps",
                 .target = "target",
                 .drafter = "draft_model(model = \"draft\", length = 2)",
                 .verifier = "greedy_match",
                 .guarantee = "greedy exact"}};
    run.models = {{.name = "target", .path = "assets/demo/target", .dtype = "bf16"}};
    run.prompts_file = "prompts.jsonl";
    run.num_prompts = run.records_per_arm = 2;
    run.max_new_tokens = 4;
    run.one_hot = true;
    run.bootstrap = 100;
    run.build = "abc1234";
    return run;
  }

  void write_run(const std::string& name, const RunInfo& run, const std::string& config,
                 const std::string& status) const {
    std::filesystem::create_directories(folder_ / name / "records");
    write_manifest(folder_ / name, run);
    write(name + "/config.resolved.toml", config);
    if (!status.empty()) write(name + "/status.json", status);
  }

  static std::string status(const std::string& state, const std::string& heartbeat, const std::string& error = "null") {
    return cat(R"({"state": ")", state, R"(", "heartbeat_utc": ")", heartbeat,
               R"(", "segment": 0, "done": 3, "total": 12, "failed_records": 0, "last_error": )", error, "}\n");
  }

  // Four tokens: of ar in 4 rounds, of sps in 2 with drafts of 2 and 1 of which 2 and 0 are accepted; 1 ms a round.
  static Record record(const std::string& arm, const std::string& prompt) {
    Record r;
    r.key = {.trace = false, .arm = arm, .prompt = prompt, .turn = 0, .rep = 0};
    r.group = prompt;
    r.category = "story";
    r.n_in = 10;
    r.stop = "limit";
    r.out = {101, 102, 103, 104};
    r.prefill_us = 500;
    if (arm == "ar") {
      r.rounds = {.drafted = {0, 0, 0, 0}, .depth = {0, 0, 0, 0}, .accepted = {0, 0, 0, 0}, .kept = {1, 1, 1, 1}};
    } else {
      r.rounds = {.drafted = {2, 1}, .depth = {2, 1}, .accepted = {2, 0}, .kept = {3, 1}};
      r.exact = true;
    }
    for (size_t i = 0; i < r.rounds.size(); ++i) r.rounds.ready_us.push_back(500 + 1000 * static_cast<double>(i + 1));
    r.e2e_us = r.rounds.ready_us.back();
    return r;
  }
  void write_records(const std::string& name, const std::vector<Record>& records) const {
    std::string lines;
    for (const Record& r : records) lines += to_line(r) + "\n";
    write(name + "/records/s000-of-001.jsonl", lines);
  }

  template <class Call>
  static std::string config_error(const Call& call) {
    try {
      call();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kConfig) << e.what();
      return e.what();
    }
    return "no error";
  }

 protected:
  std::filesystem::path folder_;
};

}  // namespace specula
