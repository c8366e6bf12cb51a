// Comparing runs: pairs within a run, prompts across runs, bad names.
#include "experiments/report/compare.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "experiments/commands.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using testing::HasSubstr;

Record record(const std::string& arm, const std::string& prompt, int rep, double ms) {
  Record r;
  r.key = {.trace = false, .arm = arm, .prompt = prompt, .turn = 0, .rep = rep};
  r.group = prompt;
  r.category = "story";
  r.out = {1, 2, 3, 4};
  r.rounds = {.drafted = {3}, .depth = {3}, .accepted = {3}, .kept = {4}, .ready_us = {ms * 1000}, .cut = -1};
  r.e2e_us = ms * 1000;
  return r;
}

ComparedRun run_of(const std::string& label, const std::vector<std::string>& prompts, double arm_ms) {
  ComparedRun run{.label = label, .info = {}, .records = {}};
  run.info.arms = {{.name = "sps"}, {.name = "ar", .baseline = true}};  // the baseline need not come first
  run.info.bootstrap = 200;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const double size = 1 + static_cast<double>(i);
    run.records.records.push_back(record("ar", prompts[i], 0, 10 * size));
    run.records.records.push_back(record("sps", prompts[i], 0, arm_ms * size));
  }
  return run;
}

TEST(Compare, ArmsOfOneRunArePaired) {
  const auto rows = compare_runs({run_of("one", {"a", "b", "c"}, 5)}, "speedup");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].pairing, "paired");
  EXPECT_EQ(rows[1].pairing, "reference");
  EXPECT_EQ(rows[1].verdict, "ref");
  EXPECT_DOUBLE_EQ(rows[0].value.value, 2);
  EXPECT_DOUBLE_EQ(rows[0].ratio.value, 2);
  EXPECT_NEAR(rows[0].ratio.interval.low, 2, 1e-9) << "prompts differ in size, pairs do not";
  EXPECT_EQ(rows[0].verdict, "faster");
}

TEST(Compare, RunsMeetOnThePromptsTheyShare) {
  ComparedRun second = run_of("two", {"x", "b", "c"}, 2.5);
  for (Record& r : second.records.records) r.e2e_us *= r.key.arm == "ar" ? 2 : 1;  // a slower day
  const auto rows = compare_runs({run_of("one", {"a", "b", "c"}, 5), second}, "speedup");
  ASSERT_EQ(rows.size(), 4u);
  const CompareRow& sps = rows[2];
  EXPECT_EQ(sps.run, "two");
  EXPECT_EQ(sps.pairing, "unpaired in time");
  EXPECT_EQ(sps.num_prompts, 2);
  EXPECT_DOUBLE_EQ(sps.value.value, 8) << "against the baseline of its own run";
  EXPECT_DOUBLE_EQ(sps.ratio.value, 4) << "against the reference: (20 + 30) / (5 + 7.5)";
  EXPECT_EQ(rows[3].verdict, "slower");
}

TEST(Compare, RepetitionsAndSegmentsPairOnlyWithTheirOwn) {
  ComparedRun run = run_of("one", {"a", "b"}, 5);
  run.records.records.push_back(record("sps", "a", 1, 1e6));  // no baseline in repetition 1
  Record late = record("sps", "b", 0, 1e6);
  late.segment = 1;
  late.key.rep = 2;
  Record late_base = record("ar", "b", 2, 1);
  run.records.records.push_back(late);
  run.records.records.push_back(late_base);  // same repetition, other segment
  EXPECT_DOUBLE_EQ(compare_runs({run}, "speedup")[0].ratio.value, 2);
}

TEST(Compare, AnyMetricOfARecord) {
  const auto rows = compare_runs({run_of("one", {"a", "b"}, 5)}, "tau");
  EXPECT_DOUBLE_EQ(rows[0].value.value, 4);
  EXPECT_EQ(rows[0].verdict, "~");
  const auto undefined = compare_runs({run_of("one", {"a", "b"}, 5)}, "exact_frac");
  EXPECT_TRUE(std::isnan(undefined[0].value.value));
  EXPECT_EQ(undefined[0].value.why, "not_measured_in_the_shared_records");
  EXPECT_EQ(undefined[0].verdict, "–") << "\"~\" would say that a comparison was made";
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kConfig) << e.what();
    return e.what();
  }
  return "no error";
}

TEST(Compare, WrongNamesAreExplained) {
  const std::vector<ComparedRun> runs = {run_of("one", {"a", "b"}, 5)};
  EXPECT_THAT(error_of([&] { compare_runs(runs, "spedup"); }),
              HasSubstr("unknown metric 'spedup'; did you mean 'speedup'?"));
  EXPECT_THAT(error_of([&] { compare_runs(runs, "cost_c"); }),
              HasSubstr("single records do not decide the metric 'cost_c'"));
  EXPECT_THAT(error_of([] { compare_command({.runs = {testing::TempDir()}}); }), HasSubstr("not a run folder"));
  EXPECT_THAT(error_of([] { compare_command({.runs = {}}); }), HasSubstr("no run folder was given"));
  EXPECT_THAT(error_of([] { compare_command({.runs = {"x"}, .format = "jsno"}); }), HasSubstr("did you mean 'json'?"));
}

}  // namespace
}  // namespace specula
