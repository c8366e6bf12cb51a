// A summary of records written by hand: every figure here can be checked with a pencil.
#include "experiments/report/summary.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "experiments/power.h"
#include "experiments/report/acceptance_profile.h"
#include "experiments/report/metrics.h"
#include "experiments/report/metrics_record.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using testing::Contains;
using testing::HasSubstr;

RunInfo two_arms() {
  RunInfo run;
  run.run_id = "01TEST";
  run.experiment = "hand";
  run.cell = "cell";
  run.created_utc = "2025-01-01T00:00:00Z";
  run.arms = {{.name = "ar",
               .target = "target",
               .drafter = "none",
               .verifier = "greedy_match",
               .guarantee = "greedy_exact",
               .baseline = true},
              {.name = "sps",
               .target = "target",
               .drafter = "draft_model(length = 2)",
               .verifier = "greedy_match",
               .guarantee = "greedy_exact"}};
  run.models = {{.name = "target", .path = "assets/demo/target", .dtype = "bf16"}};
  run.prompts_file = "prompts.jsonl";
  run.num_prompts = 3;
  run.records_per_arm = 3;
  run.max_new_tokens = 4;
  run.stream_gb_s = 61.5;
  run.sampler = "temperature(0)";
  run.one_hot = true;
  run.bootstrap = 500;
  run.trace_prompts = 1;
  run.build = "abc1234";
  return run;
}

// Four tokens in 4 rounds of 1 ms for ar; in 2 rounds of `step_ms` for sps: drafts of 2 and 1, accepts 2 then 0 (cut:
// none).
Record record(const std::string& arm, const std::string& prompt, double step_ms) {
  Record r;
  r.key = {.trace = false, .arm = arm, .prompt = prompt, .turn = 0, .rep = 0};
  r.group = prompt;
  r.category = prompt == "c" ? "math" : "story";
  r.n_in = 10;
  r.stop = "limit";
  r.out = {1, 2, 3, 4};
  r.prefill_us = 500;
  if (arm == "ar") {
    r.rounds = {.drafted = {0, 0, 0, 0},
                .depth = {0, 0, 0, 0},
                .accepted = {0, 0, 0, 0},
                .kept = {1, 1, 1, 1},
                .ready_us = {},
                .cut = -1};
  } else {
    r.rounds = {.drafted = {2, 1}, .depth = {2, 1}, .accepted = {2, 0}, .kept = {3, 1}, .ready_us = {}, .cut = -1};
    r.exact = true;
  }
  for (size_t i = 0; i < r.rounds.size(); ++i)
    r.rounds.ready_us.push_back(500 + step_ms * 1000 * static_cast<double>(i + 1));
  r.e2e_us = r.rounds.ready_us.back();
  return r;
}

RecordSet three_prompts() {
  RecordSet set;
  for (const char* const prompt : {"a", "b", "c"}) {
    set.records.push_back(record("ar", prompt, 1));
    set.records.push_back(record("sps", prompt, 1));
  }
  return set;
}

bool all_passed(const Summary& s) {
  return std::all_of(s.checks.begin(), s.checks.end(), [](const Check& c) { return c.passed; });
}

const Check& failed_check(const Summary& s) {
  for (const Check& c : s.checks) {
    if (!c.passed) return c;
  }
  throw std::logic_error("every check passed");
}

TEST(Summary, FiguresOfAHandMadeRun) {
  const RunInfo run = two_arms();
  const Summary s = summarize(run, three_prompts());
  EXPECT_TRUE(all_passed(s)) << failed_check(s).name << failed_check(s).detail;
  const CellSummary& ar = s.cell("ar", "");
  const CellSummary& sps = s.cell("sps", "");
  EXPECT_DOUBLE_EQ(ar.at("tau").value, 1);
  EXPECT_DOUBLE_EQ(sps.at("tau").value, 2);
  EXPECT_DOUBLE_EQ(sps.at("alpha").value, 2.0 / 3);              // 2 accepted, 1 rejected
  EXPECT_DOUBLE_EQ(sps.at("draft_accept_frac").value, 2.0 / 3);  // of 3 drafted
  EXPECT_DOUBLE_EQ(sps.at("accepted_per_step").value, 1);
  EXPECT_DOUBLE_EQ(sps.at("util_frac").value, 4.0 / 5);
  EXPECT_DOUBLE_EQ(ar.at("e2e_tok_s").value, 4 / 0.0045);
  EXPECT_DOUBLE_EQ(ar.at("decode_tok_s").value, 1000);
  EXPECT_DOUBLE_EQ(sps.at("speedup").value, 4.5 / 2.5);
  EXPECT_DOUBLE_EQ(sps.at("speedup_decode").value, 2);
  EXPECT_NEAR(sps.at("speedup_geomean").value, 1.8, 1e-12);
  EXPECT_DOUBLE_EQ(sps.at("ttft_p50_ms").value, 1.5);
  EXPECT_DOUBLE_EQ(sps.at("tpot_ms").value, 0.5);
  EXPECT_DOUBLE_EQ(ar.at("step_p50_ms").value, 1);
  EXPECT_DOUBLE_EQ(sps.at("itl_p50_ms").value, 0);  // gaps 0, 0, 1: the tokens of the first round share their time too
  EXPECT_EQ(sps.at("itl_p50_ms").n, 9);
  EXPECT_DOUBLE_EQ(sps.at("exact_frac").value, 1);
  EXPECT_TRUE(std::isnan(ar.at("alpha").value));
  EXPECT_EQ(ar.at("alpha").why, "nothing_drafted");
  ASSERT_EQ(sps.depths.size(), 2u);
  EXPECT_EQ(sps.depths[0].drafted, 6);  // two rounds a record
  EXPECT_EQ(sps.depths[0].accepted, 3);
  EXPECT_EQ(sps.depths[1].drafted, 3);
  EXPECT_EQ(sps.depths[1].tested, 3);
  EXPECT_EQ(sps.depths[1].accepted, 3);
  EXPECT_EQ(sps.accepted_histogram, (std::vector<int64_t>{3, 0, 3}));
  EXPECT_EQ(s.categories, (std::vector<std::string>{"math", "story"}));
  EXPECT_EQ(s.cell("sps", "story").counts.records, 2);
}

TEST(Summary, CutRoundsDoNotCountInAlpha) {
  RecordSet set = three_prompts();
  for (Record& r : set.records) {
    if (r.key.arm == "sps") r.rounds.cut = 1;  // the rejection of the last round would have been cut away
  }
  EXPECT_DOUBLE_EQ(summarize(two_arms(), set).cell("sps", "").at("alpha").value, 1);
}

TEST(Summary, RulesThatDoNotTestTokensAndTreesHaveNoAlpha) {
  RunInfo run = two_arms();
  run.arms[1].tests_tokens = false;
  EXPECT_EQ(summarize(run, three_prompts()).cell("sps", "").at("alpha").why, "rule_does_not_test_tokens");
  RecordSet set = three_prompts();
  for (Record& r : set.records) {
    if (r.key.arm == "sps") r.rounds.drafted = {4, 1};  // four nodes of depth two
  }
  const Summary s = summarize(two_arms(), set);
  EXPECT_EQ(s.cell("sps", "").at("alpha").why, "tree_draft");
  EXPECT_DOUBLE_EQ(s.cell("sps", "").at("drafted_per_step").value, 2.5);
  EXPECT_EQ(s.cell("sps", "").depths.size(), 2u);
}

TEST(Summary, SpeedsAreComparedPerTokenWhenLengthsDiffer) {
  RecordSet set = three_prompts();
  for (Record& r : set.records) {
    if (r.key.arm == "ar") continue;
    r.out = {1, 2, 3};  // stopped in its first round
    r.rounds = {.drafted = {2}, .depth = {2}, .accepted = {2}, .kept = {3}, .ready_us = {1500}, .cut = -1};
    r.e2e_us = 1500;
  }
  EXPECT_DOUBLE_EQ(summarize(two_arms(), set).cell("sps", "").at("speedup").value, (3 / 1.5) / (4 / 4.5));
}

TEST(Summary, PairsAreFormedWithinOneSegment) {
  RecordSet set = three_prompts();
  set.records.back().segment = 1;
  set.records.back().e2e_us = 1e9;  // would ruin the ratio
  const Summary s = summarize(two_arms(), set);
  EXPECT_DOUBLE_EQ(s.cell("sps", "").at("speedup").value, 4.5 / 2.5);
  EXPECT_EQ(s.cell("sps", "").at("speedup").n, 2);
  ASSERT_EQ(s.excluded.size(), 1u);
  EXPECT_THAT(s.excluded[0], HasSubstr("1 of 3"));
}

TEST(Summary, FailuresAreCountedAndMeasureNothing) {
  RecordSet set = three_prompts();
  Record& last = set.records.back();
  last.ok = false;
  last.e2e_us = 1e9;
  const Summary s = summarize(two_arms(), set);
  EXPECT_EQ(s.cell("sps", "").counts.failed, 1);
  EXPECT_EQ(s.cell("sps", "").counts.records, 2);
  EXPECT_DOUBLE_EQ(s.cell("sps", "").at("speedup").value, 1.8);
  EXPECT_TRUE(all_passed(s));
}

TEST(Summary, TraceGivesCostsThatAddUp) {
  RecordSet set = three_prompts();
  Record ar = record("ar", "a", 1), sps = record("sps", "a", 1.5);
  ar.key.trace = sps.key.trace = true;
  ar.phase_us = {500, 0, 3600, 200, 0, 0};      // 200 of the 4000 us are in no phase
  sps.phase_us = {500, 900, 2000, 50, 30, 20};  // of 3500
  set.records.push_back(ar);
  set.records.push_back(sps);
  const Summary s = summarize(two_arms(), set);
  const CellSummary& cell = s.cell("sps", "");
  EXPECT_NEAR(cell.at("cost_c").value, 0.3, 1e-9);   // 900 us for 3 tokens, a step of ar takes 1000
  EXPECT_NEAR(cell.at("cost_v").value, 1.0, 1e-9);   // 2000 us for 2 calls
  EXPECT_NEAR(cell.at("cost_o").value, 0.05, 1e-9);  // the other 100 us
  EXPECT_NEAR(cell.at("speedup_model").value, 2 / (1.5 * 0.3 + 1 + 0.05), 1e-9);
  EXPECT_NEAR(cell.at("trace_overhead_frac").value, 3.5 / 2.5 - 1, 1e-9);
  EXPECT_NEAR(s.cell("ar", "").at("speedup_model").value, 1, 1e-9) << "the model must give the baseline 1";
  EXPECT_DOUBLE_EQ(cell.at("speedup").value, 1.8) << "fenced records must not touch speeds";
  EXPECT_NEAR(s.traces[0].other_s(), 200e-6, 1e-9);
}

TEST(Summary, VerdictsNeedEnoughPrompts) {
  RunInfo run = two_arms();
  EXPECT_EQ(summarize(run, three_prompts()).comparison("sps")->verdict, "~") << "three prompts cannot reach 5 %";
  RecordSet set;
  for (int i = 0; i < 12; ++i) {
    const std::string prompt = cat("p", i);
    set.records.push_back(record("ar", prompt, 1 + 0.01 * i));
    set.records.push_back(record("sps", prompt, 1));
  }
  run.records_per_arm = 12;
  const Summary s = summarize(run, set);
  const Comparison& c = *s.comparison("sps");
  EXPECT_EQ(c.verdict, "faster");
  EXPECT_DOUBLE_EQ(c.p, 2.0 / 4096);
  EXPECT_DOUBLE_EQ(c.effect, 1);
  EXPECT_LE(c.ratio.interval.low, c.ratio.value);
  EXPECT_GE(c.ratio.interval.high, c.ratio.value);
}

// The shipped configs/studies/aa.toml: 75 prompts, 3 repetitions.  Times of prompts differ threefold, those of a
// repetition scatter by 3 %, and once in a while another process takes half of a record's time again.
RecordSet noisy_records(uint64_t seed, double slowdown) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> of_prompt(0, 0.5), of_record(0, 0.03);
  std::bernoulli_distribution disturbed(0.005);
  RecordSet set;
  for (int prompt = 0; prompt < 75; ++prompt) {
    const double base_ms = of_prompt(random);
    for (int rep = 0; rep < 3; ++rep) {
      for (const char* const arm : {"ar", "sps", "again"}) {
        double ms = base_ms * of_record(random) * (disturbed(random) ? 1.5 : 1);
        if (std::string(arm) == "again") ms *= slowdown;
        Record r = record(std::string(arm) == "ar" ? "ar" : "sps", cat("p", prompt), 1);
        r.key.arm = arm;
        r.key.rep = rep;
        r.prefill_us *= ms;
        r.e2e_us *= ms;
        for (double& t : r.rounds.ready_us) t *= ms;
        set.records.push_back(std::move(r));
      }
    }
  }
  return set;
}

RunInfo with_duplicate() {
  RunInfo run = two_arms();
  run.arms.push_back(run.arms[1]);
  run.arms.back().name = "again";
  run.arms.back().duplicate_of = "sps";
  run.repetitions = 3;
  run.records_per_arm = 225;
  run.bootstrap = 200;
  return run;
}

TEST(Duplicates, AreToldApartByChanceInAtMostOneOfTwentyRuns) {
  const RunInfo run = with_duplicate();
  int told_apart = 0;
  constexpr int kRuns = 1000;
  for (int i = 0; i < kRuns; ++i)
    told_apart += summarize(run, noisy_records(static_cast<uint64_t>(i), 1)).duplicates.at(0).verdict == "~" ? 0 : 1;
  EXPECT_LE(told_apart, kRuns / 20);
  EXPECT_GT(told_apart, kRuns / 100) << "a control that never speaks says nothing";
}

TEST(Duplicates, ASlowdownOfTwoPercentIsFound) {
  const RunInfo run = with_duplicate();
  int found = 0;
  for (int i = 0; i < 100; ++i)
    found += summarize(run, noisy_records(static_cast<uint64_t>(i), 1.02)).duplicates.at(0).verdict == "slower" ? 1 : 0;
  EXPECT_GE(found, 80);
}

TEST(Duplicates, AreControlsAndNoHypotheses) {
  const RunInfo run = with_duplicate();
  RecordSet set = noisy_records(1, 1.3);
  const Summary summary = summarize(run, set);
  ASSERT_EQ(summary.comparisons.size(), 1u);  // Holm's family does not hold them
  EXPECT_EQ(summary.comparisons[0].arm, "sps");
  EXPECT_EQ(summary.duplicates[0].reference, "sps");
  EXPECT_THAT(summary.warnings, Contains(HasSubstr("again repeats sps and is measured slower: 0.7")));
  EXPECT_THAT(result_table(run, summary), HasSubstr("repeats sps"));
  for (Record& r : set.records) {
    if (r.key.arm == "again" && r.key.prompt == "p3") r.out.back() = 9;
  }
  EXPECT_THAT(summarize(run, set).warnings, Contains(HasSubstr("again repeats sps, and 3 of 225 texts differ")));
}

// The pilot of 75 groups that shows 2 % needs a quarter of them for 4 %.
TEST(Power, GroupsGrowWithTheSquareOfTheDifference) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "specula_power";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "records");
  const RunInfo run = with_duplicate();
  write_manifest(folder, run);
  const RecordSet set = noisy_records(1, 1);
  {
    std::ofstream file(folder / "records" / "s000-of-001.jsonl");
    for (const Record& r : set.records) file << to_line(r) << "\n";
  }
  const double shown = summarize(run, set).duplicates[0].detectable_frac;
  ExperimentConfig config;
  config.data.file = std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/prompts.jsonl";
  const std::string text = power_text(config, folder, shown / 2);
  EXPECT_THAT(text, HasSubstr("shown by 75 groups"));
  EXPECT_THAT(text, testing::ContainsRegex("again +\\| sps .*\\| +(29|30)[0-9] \\|"));
}

TEST(SummaryChecks, PlantedFaultsAreSeen) {
  const RunInfo run = two_arms();
  const auto fault_of = [&](auto plant) {
    RecordSet set = three_prompts();
    plant(set);
    return failed_check(summarize(run, set)).name;
  };
  EXPECT_EQ(fault_of([](RecordSet& s) { s.records[1].out.push_back(9); }), "kept_equals_text");
  EXPECT_EQ(fault_of([](RecordSet& s) {
              s.records[1].rounds.kept = {2, 2};  // the sum is right
            }),
            "kept_is_accepted_plus_one");
  EXPECT_EQ(fault_of([](RecordSet& s) {
              s.records[1].rounds.depth = s.records[1].rounds.drafted = {1, 1};
            }),
            "accepted_within_depth");
  EXPECT_EQ(fault_of([](RecordSet& s) { std::swap(s.records[1].rounds.ready_us[0], s.records[1].rounds.ready_us[1]); }),
            "times_ascend");
  EXPECT_EQ(fault_of([](RecordSet& s) { s.records[0].phase_us = {9000, 0, 0, 0, 0, 0}; }), "phases_within_wall");
  EXPECT_EQ(fault_of([](RecordSet& s) { s.records.pop_back(); }), "complete");
  EXPECT_EQ(fault_of([](RecordSet& s) { s.duplicates.push_back(s.records[0].key); }), "no_duplicates");
}

TEST(SummaryFiles, AreRebuiltFromManifestAndRecords) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "summary_rebuilt";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "records");
  RunInfo run = two_arms();
  run.identity = {{"config", "123"}, {"binary", "456"}};
  write_manifest(folder, run);
  {
    std::ofstream file(folder / "records" / "s000-of-001.jsonl");
    for (const Record& r : three_prompts().records) file << to_line(r) << "\n";
  }
  const Summary rebuilt = rebuild_summary(folder);
  EXPECT_DOUBLE_EQ(rebuilt.cell("sps", "").at("speedup").value, 1.8);
  const std::string json = read_file(folder / "summary.json"), csv = read_file(folder / "summary.csv");
  EXPECT_EQ(json, summary_json(run, summarize(run, three_prompts())))
      << "the manifest must hold all that a summary needs";
  EXPECT_THAT(json, HasSubstr("\"value_why\": \"nothing_drafted\""));
  EXPECT_THAT(json, testing::Not(HasSubstr("nan")));
  EXPECT_THAT(csv, HasSubstr("\nsps,story,tau,2.0,2.0,2.0,2,tokens,"));
  std::filesystem::remove_all(folder);
  EXPECT_THROW(read_manifest(folder), Error);
}

// By hand: sps drafts 2 and accepts 2, then drafts 1 and accepts 0, on each of three prompts.
TEST(AcceptanceProfile, HoldsBothConventions) {
  const RunInfo run = two_arms();
  const auto json = nlohmann::json::parse(acceptance_profile_json(run, summarize(run, three_prompts())));
  ASSERT_EQ(json["arms"].size(), 1u) << "the baseline drafts nothing";
  const auto& all = json["arms"][0]["all"];
  EXPECT_EQ(all["marginal"], nlohmann::json({0.5, 1.0}));
  EXPECT_EQ(all["conditional"], nlohmann::json({0.5, 1.0}));
  EXPECT_EQ(all["drafted_rounds"], nlohmann::json({6, 3}));
  EXPECT_EQ(all["accepted_histogram"], nlohmann::json({3, 0, 3}));
  EXPECT_EQ(json["arms"][0]["by_category"]["math"]["rounds"], 2);
  RecordSet set = three_prompts();
  set.records[1].rounds.depth = {3, 1};  // of the first round the third token was rejected
  set.records[1].rounds.drafted = {3, 1};
  const auto other = nlohmann::json::parse(acceptance_profile_json(run, summarize(run, set)));
  EXPECT_EQ(other["arms"][0]["all"]["conditional"][2], 0.0);
  EXPECT_EQ(json["arms"][0]["self_checks"]["depths_sum_to_accepted"], true);
}

TEST(Manifest, NamesWhatDiffers) {
  RunInfo before = two_arms(), now = two_arms();
  before.identity = {{"binary", "aaa"}, {"model.target", "x"}, {"prompts", "p"}};
  now.identity = {{"binary", "bbb"}, {"model.target", "x"}, {"config", "c"}};
  const std::vector<std::string> found = differences(before, now);
  EXPECT_THAT(found, testing::ElementsAre("binary (was aaa, is bbb)", "config (was absent, is c)",
                                          "prompts (was p, is absent)"));
  EXPECT_TRUE(differences(now, now).empty());
}

TEST(RunId, SortsByTime) {
  const std::string a = new_run_id(), b = new_run_id();
  EXPECT_EQ(a.size(), 26u);
  EXPECT_NE(a, b);
  EXPECT_LE(a.substr(0, 10), b.substr(0, 10));
}

TEST(ResultTable, HoldsEveryArmAndItsGuarantee) {
  const std::string text = result_table(two_arms(), summarize(two_arms(), three_prompts()));
  EXPECT_THAT(text,
              HasSubstr("target demo/target bf16 | prompts.jsonl 3 prompts x 1 rep, 4 tokens | temperature(0) | 1 "
                        "thread | stream 61.5 GB/s | build abc1234"));
  EXPECT_THAT(text, HasSubstr("| ar (ref) |"));
  EXPECT_THAT(text, HasSubstr("| 1.80 [1.80, 1.80] |"));
  EXPECT_THAT(text, HasSubstr("|  100% | greedy_exact | ~ "));
  EXPECT_THAT(text, HasSubstr(" story (2) |"));
}

TEST(ResultTable, MarksSyntheticArmsAndCitesCertificates) {
  RunInfo run = two_arms();
  const auto text = [&] { return result_table(run, summarize(run, three_prompts())); };
  EXPECT_THAT(text(), ::testing::Not(HasSubstr("Certificates")));
  EXPECT_THAT(text(), ::testing::Not(HasSubstr("synthetic")));
  run.arms[0].certified = run.arms[1].certified = kNoCertificate;
  EXPECT_THAT(text(), HasSubstr("\nCertificates of this build: none (specula verify CFG writes them).\n"));
  run.arms[1].certified = "holds (L0)";
  EXPECT_THAT(text(), HasSubstr("\nCertificates of this build: sps holds (L0); none: ar (specula verify CFG writes "
                                "them).\n"));
  for (const char* const verifier : {"synthetic", "synthetic(rate = 0.8)", "check(rule = \"synthetic(rate = 0.8)\")"}) {
    run.arms[1].verifier = verifier;
    EXPECT_THAT(text(), HasSubstr("\n! the text of arm sps is not the target's: synthetic acceptance\n"));
  }
  run.arms[1].verifier = "check(rule = \"block\", against = \"synthetic\")";
  EXPECT_THAT(text(), ::testing::Not(HasSubstr("! the text"))) << "synthetic only judges beside it";
}

TEST(ResultTable, ColumnsAlignWhateverTheBytes) {
  MarkdownTable table;
  table.column("a", MarkdownTable::Align::kLeft);
  table.column("b", MarkdownTable::Align::kRight);
  table.row({"é", "–"});
  table.row({"xyzw", "12"});
  EXPECT_EQ(table.text(), "| a    |   b |\n|------|----:|\n| é    |   – |\n| xyzw |  12 |\n");
}

TEST(Metrics, EveryRecordMetricIsDefinedOnce) {
  for (const RecordMetric& m : record_metrics()) EXPECT_NE(find_metric(m.name), nullptr) << m.name;
  for (const CellSummary& cell : summarize(two_arms(), three_prompts()).cells) {
    for (const NamedEstimate& m : cell.metrics) EXPECT_NE(find_metric(m.name), nullptr) << m.name;
  }
  for (const MetricDefinition& a : metric_definitions()) {
    EXPECT_FALSE(a.unit.empty() || a.definition.empty() || a.portable.empty()) << a.name;
    EXPECT_EQ(find_metric(a.name), &a) << a.name << " is defined twice";
  }
}

}  // namespace
}  // namespace specula
