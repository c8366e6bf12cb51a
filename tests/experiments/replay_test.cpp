// Recorded rounds and what becomes of them: resumed runs, rules that judge again; expected lengths and notes in
// records; arms with targets of their own.
#include "experiments/replay/replay.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "config_fixture.h"
#include "experiments/report/compare.h"
#include "experiments/report/summary.h"
#include "experiments/report/table.h"
#include "experiments/report/tested_tokens.h"
#include "experiments/run/run_arm.h"
#include "experiments/run/trace_room.h"
#include "framework/core/files.h"
#include "tests/experiments/quiet_log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// --- Runs of the demo pair ---

class ReplayRun : public ConfigFolder {
 protected:
  QuietLog quiet_;

  static std::string arm(const std::string& name, const std::string& draw, const std::string& verifier) {
    return cat("[[arm]]\nname = \"", name, "\"\ndrafter = { name = \"draft_model\", length = 4, draw = \"", draw,
               "\" }\nverifier = \"", verifier, "\"\n");
  }
  std::string study(const std::string& arms, const std::string& record = "distributions",
                    const std::string& sampler = "temperature = 1") const {
    const std::string demo = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/";
    return write("study.toml",
                 cat("[experiment]\nname = \"t\"\nseed = 5\n[models.target]\npath = \"", demo,
                     "target\"\n[models.draft]\npath = \"", demo, "draft\"\n[data]\nprompts = \"", demo,
                     "prompts.jsonl\"\nmax_new_tokens = 20\nlimit = 4\n[sampler]\n", sampler,
                     "\n[measure]\ntrace = false\nexpected = true\nbootstrap = 100\nwarmup_prompts = 1\n[output]\n"
                     "record = \"",
                     record, "\"\n[[arm]]\nname = \"ar\"\ndrafter = \"none\"\nbaseline = true\n", arms));
  }
  std::string run(const std::string& config) {
    ::testing::internal::CaptureStdout();
    code_ = run_command({.config = config, .overrides = {.out = path("runs"), .threads = 1}});
    for (const auto& entry : fs::directory_iterator(folder_ / "runs/t")) run_ = entry.path();
    return ::testing::internal::GetCapturedStdout();
  }
  std::string replay(const std::vector<std::string>& arms = {}, const std::string& verifiers = "") const {
    ::testing::internal::CaptureStdout();
    try {
      replay_command({.run = run_.string(), .arms = arms, .verifiers = verifiers});
    } catch (...) {
      ::testing::internal::GetCapturedStdout();
      throw;
    }
    return ::testing::internal::GetCapturedStdout();
  }
  std::map<RecordKey, Record> records(const fs::path& folder) const {
    std::map<RecordKey, Record> found;
    for (Record& r : read_records(folder).records) found[r.key] = std::move(r);
    return found;
  }

  ExitCode code_ = ExitCode::kRuntime;
  fs::path run_;
};

TEST_F(ReplayRun, EveryRuleThatTakesADraftJudgesItsRounds) {
  run(study(arm("iid", "sample", "rejection") + arm("points", "greedy", "rejection") +
            arm("coupled", "coupled", "agreement")));
  ASSERT_EQ(code_, ExitCode::kOk);
  EXPECT_FALSE(fs::exists(trace_path(run_, "ar"))) << "nothing was drafted";
  const std::string table = replay();
  const fs::path folder = run_ / "replay";
  const RunInfo info = read_manifest(folder);
  const auto played = records(run_), judged = records(folder);
  std::map<std::string, int> arms;
  for (const ArmInfo& a : info.arms) ++arms[a.name];
  for (const char* const name : {"iid/rejection", "iid/agreement", "points/agreement", "coupled/rejection"})
    EXPECT_EQ(arms[name], 1) << name;
  EXPECT_EQ(info.baseline().name, "iid/rejection");
  EXPECT_THAT(table, HasSubstr("- points: greedy_match: it needs rows of one token (temperature 0)"));

  const auto trace_of = [&](const ArmInfo& a) { return a.name.substr(0, a.name.find('/')); };
  const Registries registries = make_registries();
  for (const ArmInfo& a : info.arms) {
    EXPECT_EQ(a.reference, trace_of(a) + "/rejection");
    const auto& facts = registries.verifiers.entries.at(a.name.substr(a.name.find('/') + 1));
    const Facts of_rule =
        facts.facts({.place = "t", .values = {.data = Value::Table{}, .origin = "t"}}, Policy::kSampled);
    const Draw law = trace_of(a) == "iid" ? Draw::kIid : trace_of(a) == "points" ? Draw::kPoint : Draw::kCoupled;
    EXPECT_THAT(of_rule.laws, Contains(law)) << a.name;
  }

  for (const auto& [key, r] : judged) {
    EXPECT_TRUE(r.replayed);
    RecordKey original = key;
    original.arm = key.arm.substr(0, key.arm.find('/'));
    const Record& was = played.at(original);
    EXPECT_EQ(r.rounds.drafted, was.rounds.drafted);
    EXPECT_EQ(r.request, was.request);
    EXPECT_EQ(r.group, was.group);
    ASSERT_EQ(r.rounds.expected.size(), r.rounds.size());
    ASSERT_EQ(r.rounds.rule_us.size(), r.rounds.size());
    for (size_t i = 0; i < r.rounds.size(); ++i) {
      EXPECT_GE(r.rounds.expected[i], -1e-9);
      EXPECT_LE(r.rounds.expected[i], r.rounds.depth[i] + 1e-6);
      EXPECT_EQ(r.rounds.kept[i], r.rounds.accepted[i] + 1);
    }
    const bool same_rule = key.arm == "iid/rejection" || key.arm == "coupled/agreement";
    if (!same_rule) continue;
    EXPECT_EQ(r.rounds.accepted, was.rounds.accepted) << "the run's own keys give the run's own verdicts";
    EXPECT_EQ(r.rounds.expected, was.rounds.expected);
  }
  for (const Check& check : summarize(info, read_records(folder)).checks)
    EXPECT_TRUE(check.passed) << check.name << " of " << check.arm << ": " << check.detail;
}

TEST_F(ReplayRun, TestedTokensAreThoseThatTheRuleTested) {
  run(study(arm("iid", "sample", "rejection")));
  const RecordSet set = read_records(run_);
  const TestedTokens tested = tested_tokens(run_, "iid", set);
  size_t accepted = 0, rejected = 0;
  for (const Record& r : set.records) {
    for (size_t i = 0; i < r.rounds.size(); ++i) {
      accepted += static_cast<size_t>(r.rounds.accepted[i]);
      rejected += r.rounds.accepted[i] < r.rounds.drafted[i] ? 1 : 0;
    }
  }
  ASSERT_GT(rejected, 0u);
  EXPECT_EQ(tested.tokens.size(), accepted + rejected);
  EXPECT_EQ(static_cast<size_t>(std::count_if(tested.tokens.begin(), tested.tokens.end(),
                                              [](const TestedToken& t) { return t.accepted; })),
            accepted);
  for (const TestedToken& t : tested.tokens) {
    EXPECT_GE(t.entropy_nats, 0);
    EXPECT_LE(t.entropy_nats, std::log(4096.0) + 1e-3);
  }
  EXPECT_EQ(tested_tokens(run_, "ar", set).why, "no_distributions");
  EXPECT_THAT(read_file(run_ / "report.html"), HasSubstr("Acceptance against entropy"));
}

TEST_F(ReplayRun, BlockVerificationIsNeverBelowTheRatioTest) {
  if (!make_registries().verifiers.entries.contains("block")) GTEST_SKIP() << "there is no rule 'block'";
  run(study(arm("iid", "sample", "rejection") + arm("coupled", "coupled", "agreement")));
  const std::string table = replay({"iid"}, "block,rejection");
  const auto judged = records(run_ / "replay");
  int64_t rounds = 0, above = 0;
  for (const auto& [key, block] : judged) {
    if (key.arm != "block") continue;
    RecordKey other = key;
    other.arm = "rejection";
    const Record& rejection = judged.at(other);
    for (size_t i = 0; i < block.rounds.size(); ++i) {
      EXPECT_GE(block.rounds.expected[i], rejection.rounds.expected[i] - 1e-9) << key.prompt << " round " << i;
      above += block.rounds.expected[i] > rejection.rounds.expected[i] + 1e-6 ? 1 : 0;
      ++rounds;
    }
  }
  EXPECT_GT(rounds, 20);
  EXPECT_GT(above, rounds / 2) << "chains of four at temperature 1";
  const ComparedRun compared{
      .label = "r", .info = read_manifest(run_ / "replay"), .records = read_records(run_ / "replay")};
  const auto rows = compare_runs({compared}, "expected_accepted");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].arm, "block");
  EXPECT_EQ(rows[0].verdict, "higher");
  EXPECT_EQ(rows[1].pairing, "reference");
  EXPECT_THROW(replay({"coupled"}, "block"), ConfigError) << "its law given the tree is not that of a coupled draft";
  EXPECT_THROW(replay({"coupled"}, "blok"), ConfigError);
  EXPECT_THROW(replay({"iidd"}), ConfigError);
}

TEST_F(ReplayRun, AResumeGoesOnWithoutDoubling) {
  const std::string config = study(arm("iid", "sample", "rejection") + arm("points", "greedy", "rejection"));
  run(config);
  const auto whole = records(run_);
  const std::string iid = read_file(trace_path(run_, "iid")), points = read_file(trace_path(run_, "points"));
  // Dies in the middle of a unit: of its three records one was written, and a frame is torn.
  std::istringstream lines(read_file(run_ / "records/s000-of-001.jsonl"));
  std::string kept, line;
  for (int i = 0; i < 2 * 3 + 1 && std::getline(lines, line); ++i) kept += line + "\n";
  std::ofstream(run_ / "records/s000-of-001.jsonl") << kept << R"({"k":"rec","v")";
  std::ofstream(trace_path(run_, "points"), std::ios::binary) << points.substr(0, points.size() - 99);
  fs::remove(run_ / "DONE");
  run(config);
  EXPECT_EQ(read_file(trace_path(run_, "iid")), iid);
  EXPECT_EQ(read_file(trace_path(run_, "points")), points);
  const auto resumed = records(run_);
  ASSERT_EQ(resumed.size(), whole.size());
  for (const auto& [key, r] : whole) EXPECT_EQ(resumed.at(key).out, r.out);
}

TEST_F(ReplayRun, WhatIsNotRecordedCannotBeReplayed) {
  const std::string arms = arm("iid", "sample", "rejection");
  const Registries registries = make_registries();
  const std::string off = load_config(study(arms, "none"), {}, registries).cfg_hash;
  EXPECT_NE(load_config(study(arms), {}, registries).cfg_hash, off) << "a run that records is another run";
  run(study(arms, "none"));
  EXPECT_FALSE(fs::exists(run_ / "traces"));
  try {
    replay();
    FAIL() << "there is no trace";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("--set output.record=distributions"));
  }
}

TEST_F(ReplayRun, RecordingChangesNoTextAndStaysBelowItsEstimate) {
  const std::string arms = arm("iid", "sample", "rejection") + arm("points", "greedy", "rejection");
  for (const char* const sampler : {"temperature = 1", "temperature = 1\ntop_k = 20", "temperature = 0"}) {
    run(study(arms, "none", sampler));
    const auto plain = records(run_);
    fs::remove_all(folder_ / "runs");
    const std::string config = study(arms, "distributions", sampler);
    run(config);
    const auto recorded = records(run_);
    ASSERT_EQ(recorded.size(), plain.size());
    for (const auto& [key, r] : plain) {
      EXPECT_EQ(recorded.at(key).out, r.out) << sampler;
      EXPECT_EQ(recorded.at(key).rounds.accepted, r.rounds.accepted) << sampler;
    }
    const ExperimentConfig loaded = load_config(config, {}, make_registries());
    int64_t bytes = 0;
    for (const char* const name : {"iid", "points"})
      bytes += static_cast<int64_t>(fs::file_size(trace_path(run_, name)));
    const int64_t most = trace_bytes_at_most(loaded, make_plan(loaded));
    EXPECT_LE(bytes, most) << sampler;
    fs::remove_all(folder_ / "runs");
  }
}

TEST_F(ReplayRun, GreedyRoundsAreJudgedByGreedyRules) {
  run(study(arm("points", "greedy", "greedy_match"), "distributions", "temperature = 0"));
  replay({}, "greedy_match,rejection,agreement");
  std::map<std::string, std::vector<int>> accepted;
  for (const auto& [key, r] : records(run_ / "replay"))
    accepted[key.arm].insert(accepted[key.arm].end(), r.rounds.accepted.begin(), r.rounds.accepted.end());
  ASSERT_EQ(accepted.size(), 3u);
  EXPECT_EQ(accepted["rejection"], accepted["greedy_match"]);
  EXPECT_EQ(accepted["agreement"], accepted["greedy_match"]);
  EXPECT_EQ(read_manifest(run_ / "replay").baseline().name, "rejection");
}

TEST_F(ReplayRun, FormsThatAverageOverTheDraftAreKnown) {
  run(study(arm("iid", "sample", "rejection") + arm("points", "greedy", "rejection")));
  class CertainlyNothing final : public Verifier {  // given the tree
   public:
    explicit CertainlyNothing(NoOptions /*options*/) {}
    Verdict verify(const DraftTree& /*tree*/, const Evidence& evidence) const override {
      return {.path = {},
              .next = evidence.chance.draw_target(evidence.p.const_data_ptr<float>(), evidence.p.size(1), 0)};
    }
    std::optional<double> expected_accepted(const DraftTree& /*tree*/, const Tensor& /*p*/) const override { return 0; }
  };
  Registry<Verifier> registry{.kind = "verifier"};
  registry.add(make_registries().verifiers.entries.at("rejection"));
  registry.add(verifier_entry<CertainlyNothing, NoOptions>("nothing", "", "", [](const NoOptions&) {
    return Facts{.laws = {Draw::kIid, Draw::kPoint}};
  }));
  for (const bool drawn : {true, false}) {
    const fs::path file = trace_path(run_, drawn ? "iid" : "points");
    ReplayRules rules = rules_for(TraceReader(file).header(), "", registry);
    replay_traces({file}, rules, {.seed = 5});
    ASSERT_EQ(rules.rules.size(), 2u);
    EXPECT_EQ(rules.rules[0].averages_tokens, drawn);
    EXPECT_FALSE(rules.rules[1].averages_tokens);
  }
}

// Computing an expected length takes long here, and nobody is charged for it.
class SlowToExpect final : public Verifier {
 public:
  explicit SlowToExpect(NoOptions /*options*/) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    if (tree.size() == 5)
      return {.path = {}, .next = evidence.chance.draw_target(row(evidence.p), evidence.p.size(1), 0)};
    return {.path = {},
            .next = evidence.chance.draw_target(row(evidence.p), evidence.p.size(1), 0),
            .notes = {{"short", 1}}};
  }
  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& /*p*/) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return 0.25 * tree.size();
  }

 private:
  static const float* row(const Tensor& p) { return p.const_data_ptr<float>(); }
};

TEST_F(ReplayRun, ExpectedLengthsAreNotBilledAndNotesAreKept) {
  Registries registries = make_registries();
  registries.verifiers.add(verifier_entry<SlowToExpect, NoOptions>(
      "slow", "", "", [](const NoOptions&) { return Facts{.laws = {Draw::kIid}, .guarantee = Guarantee::kExact}; }));
  const ExperimentConfig config = load_config(study(arm("slow", "sample", "slow")), {}, registries);
  const Models models = load_models(config);
  const Sampler sampler = make_sampler(registries, config.samplers);
  const std::atomic<bool> interrupt{false};
  const ArmRunner::Shared shared{.registries = registries,
                                 .config = config,
                                 .models = models,
                                 .sampler = sampler,
                                 .stop = {},
                                 .interrupt = interrupt,
                                 .run_start = 0};
  ArmRunner runner(shared, config.arms[1]);
  Record with, without;
  const double start = seconds_now();
  ASSERT_TRUE(runner.decode_into({&with, 1}, {.prompts = {{1, 409, 310}}, .requests = {3}, .expected = true}));
  const double wall_us = 1e6 * (seconds_now() - start);
  ASSERT_TRUE(runner.decode_into({&without, 1}, {.prompts = {{1, 409, 310}}, .requests = {3}}));
  EXPECT_TRUE(without.rounds.expected.empty());
  EXPECT_EQ(with.out, without.out);
  ASSERT_EQ(with.rounds.size(), 20u);
  EXPECT_GE(with.unbilled_us, 20 * 20000.0);
  EXPECT_LE(with.e2e_us, wall_us - 20 * 20000.0);
  EXPECT_LE(with.rounds.ready_us.back(), wall_us - 19 * 20000.0);
  EXPECT_DOUBLE_EQ(with.rounds.expected.front(), 0.25 * 5);
  EXPECT_DOUBLE_EQ(with.rounds.expected.back(), 0.25) << "nothing can be drafted for the last token";

  with.key = {.arm = "slow", .prompt = "p"};
  const Record read = parse_record(to_line(with), "test");
  EXPECT_EQ(read.rounds.expected, with.rounds.expected);
  const std::vector<double>& notes = read.rounds.notes.at("short");
  ASSERT_EQ(notes.size(), 20u);
  EXPECT_TRUE(std::isnan(notes[15]));
  EXPECT_EQ(notes[16], 1) << "three tokens are left to draft";

  RunInfo info;
  info.arms = {{.name = "slow", .baseline = true, .tests_tokens = false}};
  info.records_per_arm = 1;
  info.prompts_file = "prompts.jsonl";
  const Summary summary = summarize(info, {.records = {read}});
  const CellSummary& cell = summary.cell("slow", "");
  EXPECT_NEAR(cell.at("expected_accepted").value, (16 * 1.25 + 1 + 0.75 + 0.5 + 0.25) / 20, 1e-12);
  EXPECT_EQ(cell.at("alpha").why, "rule_does_not_test_tokens");
  ASSERT_EQ(cell.notes.size(), 1u);
  EXPECT_EQ(cell.notes[0].mean, 1);
  EXPECT_EQ(cell.notes[0].rounds, 4);
  EXPECT_THAT(result_table(info, summary), HasSubstr("notes of slow: short 1\n"));
  EXPECT_THAT(summary_json(info, summary), HasSubstr("\"short\""));
  EXPECT_TRUE(
      std::isnan(compare_runs({{.label = "r", .info = info, .records = {.records = {read}}}}, "alpha")[0].value.value));
}

TEST_F(ReplayRun, ARuleThatRefusesARoundIsLeftOut) {
  run(study(arm("iid", "sample", "rejection")));
  class Refuses final : public Verifier {
   public:
    explicit Refuses(NoOptions /*options*/) {}
    Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
      if (tree.size() < 4) throw Error("a tree of less than four rows");
      return {.path = {},
              .next = evidence.chance.draw_target(evidence.p.const_data_ptr<float>(), evidence.p.size(1), 0)};
    }
  };
  Registry<Verifier> registry{.kind = "verifier"};
  registry.add(make_registries().verifiers.entries.at("agreement"));
  registry.add(verifier_entry<Refuses, NoOptions>("refuses", "", "",
                                                  [](const NoOptions&) { return Facts{.laws = {Draw::kIid}}; }));
  const fs::path file = trace_path(run_, "iid");
  ReplayRules rules = rules_for(TraceReader(file).header(), "", registry);
  ASSERT_EQ(rules.rules.size(), 2u);
  const std::vector<Record> found = replay_traces({file}, rules, {.prefix = "x/", .seed = 5});
  ASSERT_EQ(rules.rules.size(), 1u);
  EXPECT_EQ(found.size(), 4u);
  for (const Record& r : found) EXPECT_EQ(r.key.arm, "x/agreement");
  EXPECT_THAT(rules.left_out, Contains("refuses: it refuses a round: a tree of less than four rows"));
}

TEST_F(ReplayRun, TracesThatHoldNothingOrOneRecordTwiceAreErrors) {
  run(study(arm("iid", "sample", "rejection")));
  const fs::path file = trace_path(run_, "iid");
  const std::string whole = read_file(file);
  const auto error_of = [&](const std::string& bytes, const std::string& rules) -> std::string {
    std::ofstream(file, std::ios::binary) << bytes;
    try {
      replay({"iid"}, rules);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  const auto end_of_frame = [&](size_t at) {
    uint64_t size = 0;
    std::memcpy(&size, whole.data() + at, sizeof size);
    return at + 16 + size;
  };
  const size_t header = end_of_frame(16), first = end_of_frame(header);  // behind the magic line
  EXPECT_EQ(error_of(whole, "rejection"), "no error");
  EXPECT_THAT(error_of(whole.substr(0, header + 9), "rejection"), HasSubstr("iid.trace holds no whole record"));
  EXPECT_THAT(error_of(whole + whole.substr(header, first - header), "rejection"), HasSubstr("twice"));
  EXPECT_EQ(error_of(whole, "rejection,lenience(l=0.3),lenience"), "no error");
  EXPECT_THAT(error_of(whole, "lenience(l=0.3),rejection,lenience(l=0.3)"), HasSubstr("is given twice"));
}

// kseq with one draft is the ratio test; its lengths differ in the last bits only.
TEST_F(ReplayRun, RoundingIsNeitherLowerNorHigher) {
  run(study(arm("iid", "sample", "rejection")));
  EXPECT_THAT(replay({"iid"}, "rejection,kseq"), ::testing::ContainsRegex("\\| kseq .*\\| +0 / 0 \\|"));
}

// --- Arms with targets of their own ---

TEST_F(ReplayRun, AnotherTargetIsComparedAsAnotherModel) {
  const std::string other = "[[arm]]\nname = \"small\"\ntarget = \"draft\"\ndrafter = \"none\"\n";
  const std::string table = run(study(other, "none", "temperature = 0"));
  ASSERT_EQ(code_, ExitCode::kOk);
  const RunInfo info = read_manifest(run_);
  EXPECT_EQ(info.promise_of(info.arms[0]), "greedy exact");
  EXPECT_EQ(info.promise_of(info.arms[1]), "greedy exact for draft");
  EXPECT_THAT(table, HasSubstr("greedy exact for draft"));
  EXPECT_THAT(table, HasSubstr("* Another target than the baseline's target: small from draft"));
  EXPECT_THAT(table, Not(HasSubstr("records differ from"))) << "no promise was broken";
  int different = 0;
  for (const auto& [key, r] : records(run_)) {
    if (key.arm != "small" || r.exact == true) continue;
    ++different;
    EXPECT_TRUE(r.first_difference.has_value());
    EXPECT_FALSE(r.margin_nats.has_value());
    EXPECT_EQ(r.margin_why, "another_target");
  }
  EXPECT_GT(different, 0) << "two models of different size write different texts";
}

TEST_F(ReplayRun, TargetsReadOneTokenizer) {
  write_model("second", 4096, "other");
  const std::string arms =
      "[models.second]\npath = \"second\"\n[[arm]]\nname = \"b\"\ntarget = \"second\"\ndrafter = \"none\"\n";
  std::string text = base(arms);
  text.replace(text.find("name = \"ar\""), 11, "name = \"ar\"\nbaseline = true");
  EXPECT_THAT(
      error(text),
      HasSubstr("[arm.b] target 'second' and target 'target' of the baseline [arm.ar] have different tokenizers"));
}

}  // namespace
}  // namespace specula
