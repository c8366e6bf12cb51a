// What tokens cost, on records made by hand: every figure here was worked out with a pencil.
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/config/config.h"
#include "experiments/report/bound.h"
#include "experiments/report/summary.h"
#include "experiments/report/table.h"
#include "experiments/report/work.h"
#include "experiments/run/drafting.h"
#include "experiments/run/model_size.h"
#include "framework/core/files.h"
#include "tests/experiments/config_fixture.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A target of 100 parameters and 2 layers x 3 wide, so that a position costs 200 + 24 c; a draft of 10 and 1 x 1, so
// 20 + 4 c.
RunInfo priced() {
  RunInfo run = RunsFolder::info("t");
  run.arms[0].drafting = "lookup";
  run.arms[1].drafting = "chain";
  run.arms[1].draft_model = "draft";
  run.models = {{.name = "target",
                 .path = "org/target",
                 .dtype = "bf16",
                 .active = 100,
                 .layers = 2,
                 .attention_width = 3,
                 .weight_bytes = 8000,
                 .gemm_gflop_s = 0.01},
                {.name = "draft",
                 .path = "org/draft",
                 .dtype = "bf16",
                 .active = 10,
                 .layers = 1,
                 .attention_width = 1,
                 .weight_bytes = 500,
                 .gemm_gflop_s = 0.002}};
  run.stream_gb_s = 0.04;
  run.usd_per_hour = 3.6;
  return run;
}
RecordSet two_records() { return {.records = {RunsFolder::record("ar", "a"), RunsFolder::record("sps", "a")}}; }

TEST(Cost, OfTheBaseline) {
  const Summary s = summarize(priced(), two_records());
  const CellSummary& ar = s.cell("ar", "");
  // 3.6 USD/h are .001 a second; 4.5 ms for 4 tokens.
  EXPECT_NEAR(ar.at("usd_per_mtok").value, 0.001 * 4.5e-3 / 4 * 1e6, 1e-12);
  // Prefill: 9 positions with 1..9 keys; rounds: 4 with 10..13.  13 * 200 + 24 * 91 over 4 tokens.
  EXPECT_DOUBLE_EQ(ar.at("flop_per_tok").value, (13 * 200 + 24 * 91) / 4.0);
  EXPECT_DOUBLE_EQ(ar.at("wasted_flop_frac").value, 0);
  // 4 passes of 8000 bytes in 4 ms are 8 MB/s of 40.
  EXPECT_DOUBLE_EQ(ar.at("mbu_frac").value, 0.2);
  // 4784 FLOP in 4.5 ms, of 10 MFLOP/s.
  EXPECT_DOUBLE_EQ(ar.at("mfu_frac").value, (13 * 200 + 24 * 91) / 1e7 / 4.5e-3);
  EXPECT_EQ(ar.at("alpha_break_even").why, "no_trace_pass");
  EXPECT_EQ(ar.at("draft_memory_frac").value, 0);
}

TEST(Cost, OfADraftAndItsTarget) {
  // Round 1: text of 10, drafts 2, accepts both, keeps 3.  Round 2: text of 13, drafts 1, accepts 0, keeps 1.
  // Target: prefill 1..9; rows 10, 11, 12; rows 13, 14, of which 14 is wasted.
  const double target = (9 + 3 + 2) * 200 + 24 * (45 + 33 + 27), target_wasted = 200 + 24 * 14;
  // Draft: prefill 1..9; round 1 feeds the root (10) and the first draft (11), which stays; round 2 feeds the last
  // draft (12) and the root (13).  Nothing of it is wasted.
  const double draft = (9 + 2 + 2) * 20 + 4 * (45 + 21 + 25);
  const CellSummary sps = summarize(priced(), two_records()).cell("sps", "");
  EXPECT_DOUBLE_EQ(sps.at("flop_per_tok").value, (target + draft) / 4);
  EXPECT_DOUBLE_EQ(sps.at("wasted_flop_frac").value, target_wasted / (target + draft));
  // 2 target passes, 2 + 1 draft passes in 2 ms.
  EXPECT_DOUBLE_EQ(sps.at("mbu_frac").value, (2 * 8000 + 3 * 500) / 2e-3 / 0.04e9);
  // Each model's FLOP by its own peak, in the 2.5 ms of prefill and rounds.
  EXPECT_DOUBLE_EQ(sps.at("mfu_frac").value, (target / 1e7 + draft / 2e6) / 2.5e-3);
}

TEST(Cost, RejectedDraftsAndCutRoundsAreWaste) {
  RecordSet set = two_records();
  Rounds& rounds = set.records[1].rounds;
  rounds = {.drafted = {3}, .depth = {3}, .accepted = {1}, .kept = {1}, .ready_us = {1500}, .cut = 0};
  set.records[1].out = {1};
  const Work work = work_of(work_model(priced(), priced().arms[1]), set.records[1]);
  // Target rows 10..13, one kept; the draft fed 10, 11, 12: of the two drafts among them the first stays.
  const RunInfo run = priced();
  EXPECT_DOUBLE_EQ(work.wasted_flop, 3 * 200 + 24 * (11 + 12 + 13) + 20 + 4 * 12);
  EXPECT_DOUBLE_EQ(work.flop, 13 * 200 + 24 * (45 + 46) + 12 * 20 + 4 * (45 + 33));
  EXPECT_DOUBLE_EQ(work.draft_passes, 3);
}

TEST(Cost, ALastDraftThatIsAskedForItsOwnLawCostsAPassMore) {
  RunInfo run = priced();
  run.arms[1].q_next = true;
  const RecordSet set = two_records();
  const Work work = work_of(work_model(run, run.arms[1]), set.records[1]);
  EXPECT_DOUBLE_EQ(work.draft_passes, 3 + 2);
  // Feeds 10, 11, 12; then 13 and 14, which is wasted.
  EXPECT_DOUBLE_EQ(work.wasted_flop, 200 + 24 * 14 + 20 + 4 * 14);
}

TEST(Cost, WithoutWhatItTakesThereIsAReason) {
  RunInfo run = priced();
  run.usd_per_hour = run.stream_gb_s = 0;
  run.arms[1].drafting = "";
  const Summary s = summarize(run, two_records());
  EXPECT_EQ(s.cell("ar", "").at("usd_per_mtok").why, "no_price");
  EXPECT_EQ(s.cell("ar", "").at("mbu_frac").why, "no_bandwidth");
  EXPECT_EQ(s.cell("sps", "").at("flop_per_tok").why, "draft_work_unknown");
  EXPECT_EQ(s.cell("sps", "").at("mfu_frac").why, "draft_work_unknown");
  RunInfo slow = priced();
  slow.models[1].gemm_gflop_s = 0;  // of a quantized draft
  EXPECT_EQ(summarize(slow, two_records()).cell("sps", "").at("mfu_frac").why, "no_peak");
  EXPECT_TRUE(std::isfinite(summarize(slow, two_records()).cell("ar", "").at("mfu_frac").value));
  EXPECT_THAT(result_table(run, s), Not(HasSubstr("USD")));
  EXPECT_THAT(result_table(priced(), summarize(priced(), two_records())), HasSubstr("| USD/Mtok |"));
  run.arms[1].drafting = "lookup";
  EXPECT_TRUE(std::isfinite(summarize(run, two_records()).cell("sps", "").at("flop_per_tok").value));
  run.models[0].active = 0;
  EXPECT_EQ(summarize(run, two_records()).cell("ar", "").at("flop_per_tok").why, "no_model_size");
}

TEST(Cost, BreakEvenOfMeasuredCosts) {
  RunInfo run = priced();
  run.trace_prompts = 1;
  const RecordSet plain = two_records();
  RecordSet set = plain;
  for (const Record& r : plain.records) {
    set.records.push_back(r);
    Record& t = set.records.back();
    t.key.trace = true;
    const bool drafts = r.key.arm == "sps";
    t.phase_us[static_cast<int>(Phase::kPrefill)] = 500;
    t.phase_us[static_cast<int>(Phase::kDraft)] = drafts ? 600 : 0;
    t.phase_us[static_cast<int>(Phase::kTarget)] = drafts ? 1400 : 4000;
    t.e2e_us = drafts ? 2600 : 4500;  // 100 us of other things
  }
  // A round of the baseline takes 1 ms: c = .2, v = .7, o = .05; with 1.5 drafts a round the cost is 1.05.
  const CellSummary sps = summarize(run, set).cell("sps", "");
  EXPECT_NEAR(sps.at("cost_c").value, 0.2, 1e-12);
  EXPECT_DOUBLE_EQ(sps.at("draft_memory_frac").value, 500.0 / 8500);
  const double alpha = sps.at("alpha_break_even").value;
  EXPECT_NEAR((1 - std::pow(alpha, 2.5)) / (1 - alpha), 1.05, 1e-9);
}

TEST(ModelSize, CountsWhatARowIsMultipliedWith) {
  const std::filesystem::path demo = std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/target";
  const nlohmann::json json = nlohmann::json::parse(read_file(demo / "config.json"));
  const auto at = [&](const char* key) { return json.at(key).get<int64_t>(); };
  const int64_t hidden = at("hidden_size"), heads = at("num_attention_heads"), kv = at("num_key_value_heads");
  const int64_t width = json.contains("head_dim") ? at("head_dim") : hidden / heads;
  const int64_t layer =
      2 * hidden * heads * width + 2 * hidden * kv * width + 3 * hidden * at("intermediate_size") + 2 * hidden;
  const ModelSize size = model_size(demo);
  EXPECT_EQ(size.layers, at("num_hidden_layers"));
  EXPECT_EQ(size.attention_width, heads * width);
  EXPECT_EQ(size.active, size.layers * layer + at("vocab_size") * hidden + hidden) << "the head, not the embedding";
}

// --- [[expect]] ---

std::vector<int> met(const std::vector<Expectation>& expectations) {
  RunInfo run = priced();
  run.expectations = expectations;
  std::vector<int> all;
  for (const ExpectationResult& r : summarize(run, two_records()).expectations) all.push_back(r.met ? 1 : 0);
  return all;
}

TEST(Expectations, AreJudgedByTheSummary) {
  EXPECT_THAT(met({{.arm = "sps", .metric = "tau", .low = 2, .high = 2},
                   {.arm = "sps", .metric = "tau", .low = 2.1},
                   {.arm = "sps", .metric = "tau", .high = 1.9},
                   {.arm = "sps", .metric = "expected_accepted", .low = 0}}),
              ElementsAre(1, 0, 0, 0));
  RunInfo run = priced();
  run.expectations = {{.arm = "sps", .metric = "tau", .kind = "hardware", .low = 2.5, .high = 3}};
  const Summary warned = summarize(run, two_records());
  EXPECT_FALSE(misses_portable(warned));
  EXPECT_THAT(warned.warnings, ::testing::Contains("expectation missed: sps: tau is 2, expected 2.5..3 (hardware)"));
  EXPECT_THAT(summary_json(run, warned), HasSubstr("\"met\": false"));
  run.expectations[0].kind = "portable";
  EXPECT_TRUE(misses_portable(summarize(run, two_records())));
}

class ExpectConfig : public ConfigFolder {};

TEST_F(ExpectConfig, WhoseWorkIsKnown) {
  const auto drafting = [&](const std::string& drafter) {
    return drafting_of(load(base("[[arm]]\nname = \"x\"\ndrafter = " + drafter + "\n")).arms.back());
  };
  EXPECT_EQ(drafting("\"prompt_lookup(length=4)\""), "lookup");
  EXPECT_EQ(drafting("\"draft_model(model=draft)\""), "chain");
  EXPECT_EQ(drafting("{ name = \"draft_model\", model = \"draft\", stop = \"confidence\" }"), "")
      << "it may run a pass more";
  EXPECT_EQ(drafting("{ name = \"suffix_automaton\", fallback = \"echo(1)\" }"), "");
  EXPECT_EQ(drafting("\"layer_skip\""), "");
}

TEST_F(ExpectConfig, BoundsAndTheirOrigins) {
  const ExperimentConfig c =
      load(base("[[expect]]\narm = \"sps\"\nmetric = \"tau\"\nvalue = 4.0\ntol_frac = 0.1\n"
                "tol_abs = 0.2\n[[expect]]\narm = \"sps\"\nmetric = \"speedup\"\nmin = 1\n"
                "kind = \"hardware\"\n"));
  ASSERT_EQ(c.expectations.size(), 2u);
  EXPECT_DOUBLE_EQ(c.expectations[0].low, 3.6);
  EXPECT_DOUBLE_EQ(c.expectations[0].high, 4.4);
  EXPECT_EQ(c.expectations[1].low, 1);
  EXPECT_TRUE(std::isinf(c.expectations[1].high));
  EXPECT_THAT(resolved_toml(c), Not(HasSubstr("nan")));
  EXPECT_EQ(load(resolved_toml(c)).expectations.size(), 2u);
  EXPECT_EQ(c.cfg_hash, load(base()).cfg_hash) << "a claim is no part of what is measured";
}

TEST_F(ExpectConfig, OnlyOfTheArmsThatRun) {
  ConfigOverrides overrides;
  overrides.arms = {"ar"};
  EXPECT_THAT(load(base("[[expect]]\narm = \"sps\"\nmetric = \"tau\"\nmin = 1\n"), overrides).expectations, IsEmpty());
}

TEST_F(ExpectConfig, WrongOnesAreExplained) {
  const auto wrong = [&](const std::string& keys) { return error(base("[[expect]]\n" + keys)); };
  EXPECT_THAT(wrong("arm = \"spss\"\nmetric = \"tau\"\nmin = 1\n"),
              HasSubstr("arm = \"spss\": there is no such arm; did you mean 'sps'?"));
  EXPECT_THAT(wrong("arm = \"sps\"\nmetric = \"taw\"\nmin = 1\n"),
              HasSubstr("metric = \"taw\": there is no such metric; did you mean 'tau'?"));
  EXPECT_THAT(wrong("arm = \"sps\"\nmetric = \"tau\"\nvalue = 1\n"), HasSubstr("expects either value with tol_frac"));
  EXPECT_THAT(wrong("arm = \"sps\"\nmetric = \"tau\"\nvalue = 1\ntol_abs = 1\nmax = 2\n"), HasSubstr("expects either"));
  EXPECT_THAT(wrong("arm = \"sps\"\nmetric = \"tau\"\nmin = 2\nmax = 1\n"), HasSubstr("min = 2 is above max = 1"));
  EXPECT_THAT(wrong("metric = \"tau\"\nmin = 2\n"), HasSubstr("lacks the key 'arm'"));
  EXPECT_THAT(wrong("arm = \"sps\"\nmetric = \"tau\"\nmin = 1\nkind = \"soft\"\n"), HasSubstr("portable, hardware"));
  EXPECT_THAT(error(base("[expect]\nmin = 2\n")), HasSubstr("expected tables [[expect]]"));
}

// --- compare --fail-if ---

class Bounds : public RunsFolder {
 protected:
  // sps is twice as fast on a, and `b` times as fast on b.
  static std::vector<ComparedRun> runs(double b) {
    ComparedRun run{.label = "one", .info = info("t"), .records = {}};
    for (const char* const prompt : {"a", "b"}) {
      run.records.records.push_back(record("ar", prompt));
      run.records.records.push_back(record("sps", prompt));
      Record& sps = run.records.records.back();
      sps.e2e_us = 4500 / (*prompt == 'a' ? 2 : b);
    }
    return {run};
  }
  static std::vector<std::string> failures(const std::string& bound, double b) {
    return beyond(parse_bound(bound), runs(b));
  }
};

TEST_F(Bounds, FailOnlyWhereTheWholeIntervalIsBeyond) {
  EXPECT_THAT(failures("speedup<0.98", 2), IsEmpty());
  EXPECT_THAT(failures("speedup<1.5", 0.5), IsEmpty()) << "0.8, but the interval reaches 2";
  EXPECT_THAT(failures("speedup<2.5", 1.6), ElementsAre(HasSubstr("one, arm sps: speedup 1.78 [1.60, 2.00] < 2.5")));
  EXPECT_THAT(failures("speedup>1.5", 1.6), ElementsAre(HasSubstr("> 1.5")));
  EXPECT_THAT(failures("speedup>1.9", 1.6), IsEmpty());
  EXPECT_THAT(failures("tau<1.5", 1), IsEmpty()) << "the baseline's 1 is not judged";
  EXPECT_THAT(failures("exact_frac<1", 1), IsEmpty());
}

TEST_F(Bounds, WrongOnesAreExplained) {
  for (const char* const wrong : {"speedup", "<1", "speedup<", "speedup<fast", "speedup=1"})
    EXPECT_THAT(config_error([&] { parse_bound(wrong); }), HasSubstr("expected METRIC<NUMBER")) << wrong;
  EXPECT_THAT(config_error([&] { failures("spedup<1", 1); }), HasSubstr("did you mean 'speedup'?"));
}

}  // namespace
}  // namespace specula
