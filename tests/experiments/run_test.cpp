// The run with toy models in place of weights: what is recorded, what a failure or an interruption leaves, what a
// resume does.
#include "experiments/run/run.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <set>

#include "experiments/commands.h"
#include "experiments/report/summary.h"
#include "framework/certify/hash_model.h"
#include "framework/core/error.h"
#include "tests/experiments/quiet_log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// hash_model under the demo's vocabulary; fails, or raises a flag, when told to.
class ToyModel final : public LoadedModel {
 public:
  explicit ToyModel(const HashOptions& options) : inner_(options) {}
  int64_t vocab() const override { return inner_.vocab(); }
  int64_t context() const override { return inner_.context(); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return inner_.new_cache(batch, reserve);
  }
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    ++passes;
    if (fail_at > 0 && passes >= fail_at && passes < fail_at + fail_for) throw Error("no memory left at position 17");
    if (flag != nullptr && passes == raise_at) flag->store(true);
    Pass pass = inner_.forward(rows, cache, ask);
    if (nan_at > 0 && passes >= nan_at && pass.logits.defined()) {
      pass.logits.mutable_data_ptr<float>()[5] = std::numeric_limits<float>::quiet_NaN();
    }
    return pass;
  }
  const ModelInfo& info() const override { return info_; }
  Dtype dtype() const override { return Dtype::kFloat32; }
  std::string engine() const override { return "toy"; }
  bool is_invariant_by_construction() const override { return true; }
  int64_t weight_bytes() const override { return 0; }
  int64_t kv_bytes_per_slot() const override { return 0; }
  const HashModel& inner() const { return inner_; }

  mutable int64_t passes = 0;
  int64_t fail_at = -1, fail_for = 1, raise_at = -1, nan_at = -1;
  std::atomic<bool>* flag = nullptr;

 private:
  HashModel inner_;
  ModelInfo info_;
};

class RunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("run_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_prompts(3, 1);
    make_models();
  }
  void TearDown() override { fs::remove_all(folder_); }

  QuietLog quiet_;

  void write_prompts(int count, int turns) const {
    std::ofstream file(folder_ / "prompts.jsonl");
    for (int i = 0; i < count; ++i) {
      file << R"({"question_id": )" << i << R"(, "category": ")" << (i % 2 == 0 ? "story" : "math")
           << R"(", "turns": ["Once upon a time )" << i << '"';
      for (int t = 1; t < turns; ++t) file << R"(, "and then )" << t << '"';
      file << "]}\n";
    }
  }

  void make_models() {
    models_.clear();
    auto target = std::make_unique<ToyModel>(HashOptions{.seed = 1, .vocab = 4096});
    models_["draft"] =
        std::make_unique<ToyModel>(HashOptions{.seed = 2, .vocab = 4096, .near = &target->inner(), .nearness = 0.8});
    models_["target"] = std::move(target);
  }
  ToyModel& model(const std::string& name) { return static_cast<ToyModel&>(*models_.at(name)); }

  ExperimentConfig config() const {
    const std::string demo = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/";
    std::ofstream(folder_ / "study.toml")
        << "[experiment]\nname = \"toy\"\nseed = 3\n[models.target]\npath = \"" << demo
        << "target\"\n[models.draft]\npath = \"" << demo
        << "draft\"\n[data]\nprompts = \"prompts.jsonl\"\nmax_new_tokens = 6\n[sampler]\ntemperature = 0\n"
        << "[measure]\nwarmup_prompts = 1\ntrace_limit = 1\nbootstrap = 100\nrepetitions = 2\n"
        << "[[arm]]\nname = \"ar\"\ndrafter = \"none\"\nbaseline = true\n"
        << "[[arm]]\nname = \"sps\"\ndrafter = { name = \"draft_model\", model = \"draft\", length = 3 }\n";
    return load_config(folder_ / "study.toml", {.out = (folder_ / "runs").string()}, registries_);
  }

  RunInfo info_of(const ExperimentConfig& config, const Plan& plan) const {
    RunInfo info;
    info.run_id = "01TEST";
    info.experiment = config.name;
    info.cell = config.cell;
    for (const ArmConfig& arm : config.arms) info.arms.push_back({.name = arm.name, .baseline = arm.baseline});
    info.records_per_arm = plan.records_per_arm;
    info.one_hot = true;
    info.batch = config.measure.batch;
    info.bootstrap = 100;
    info.trace_prompts = static_cast<int>(plan.trace_prompts);
    info.identity = {{"binary", "aaa"}, {"machine", "here"}};
    return info;
  }

  // One segment: opens the folder, warms up if there is work, plays.  Returns the status.
  RunStatus segment(const ExperimentConfig& config, const std::string& resume = "auto") {
    const Plan plan = make_plan(config);
    RunInfo info = info_of(config, plan);
    RunFolder folder(config, info, resume);
    folder.begin_segment(info, "{}\n");
    path_ = folder.path();
    const ArmRunner::Shared shared{.registries = registries_,
                                   .config = config,
                                   .models = models_,
                                   .sampler = sampler_,
                                   .stop = {2},
                                   .interrupt = interrupt_,
                                   .run_start = seconds_now()};
    specula::Run run(shared, plan, *tokenizer_, folder);
    Progress progress("toy", static_cast<int64_t>(plan.units.size()));
    had_work_ = run.has_work();
    if (had_work_) run.warm_up(progress);
    run.play(progress);
    return run.status();
  }

  std::map<RecordKey, std::vector<Token>> texts() const {
    std::map<RecordKey, std::vector<Token>> found;
    for (const Record& r : read_records(path_).records) found.emplace(r.key, r.out);
    return found;
  }

  void expect_sound() const {
    const Summary summary = summarize(read_manifest(path_), read_records(path_));
    for (const Check& c : summary.checks) EXPECT_TRUE(c.passed) << c.name << " of " << c.arm << ": " << c.detail;
  }

  Registries registries_ = make_registries();
  const Sampler sampler_ = make_sampler(registries_, parse_samplers("temperature(0)", "test"));
  const std::unique_ptr<Tokenizer> tokenizer_ = load_tokenizer(std::string(SPECULA_SOURCE_DIR) + "/assets/demo/target");
  Models models_;
  std::atomic<bool> interrupt_{false};
  bool had_work_ = false;
  fs::path folder_, path_;
};

TEST_F(RunTest, OneRecordForEachPromptArmAndRepetition) {
  const RunStatus status = segment(config());
  EXPECT_EQ(status.failed, 0);
  EXPECT_EQ(status.done, 3 * 2 + 1);
  const RecordSet set = read_records(path_);
  EXPECT_EQ(set.records.size(), 2u * (3 * 2 + 1));
  expect_sound();
  for (const Record& r : set.records) {
    EXPECT_LE(r.n_out(), 6);
    EXPECT_GT(r.e2e_us, 0);
    EXPECT_GE(r.e2e_us, r.prefill_us);
    EXPECT_EQ(r.request, request_id(r.key.prompt, r.key.rep, 0));
    if (r.key.trace) {
      EXPECT_GT(r.phase_us[static_cast<int>(Phase::kTarget)], 0);
    } else if (r.key.arm == "sps") {
      EXPECT_EQ(r.exact, true) << "greedy text of prompt " << r.key.prompt;
    } else {
      EXPECT_EQ(r.exact_why, "baseline");
    }
  }
  for (const char* const file :
       {"manifest.json", "config.resolved.toml", "config.sources/0_study.toml", "env.json", "segments.jsonl"}) {
    EXPECT_TRUE(fs::exists(path_ / file)) << file;
  }
}

TEST_F(RunTest, AFinishedRunHasNothingLeftToDo) {
  segment(config());
  const auto before = texts();
  segment(config());
  EXPECT_FALSE(had_work_);
  EXPECT_EQ(texts(), before);
}

TEST_F(RunTest, AFailedPromptIsRecordedRetriedAndCounted) {
  segment(config());
  const auto whole = texts();
  fs::remove_all(path_);
  make_models();
  model("draft").fail_at = 30;
  const RunStatus status = segment(config());
  EXPECT_EQ(status.failed, 1);
  EXPECT_THAT(status.last_error, HasSubstr("position 17"));
  EXPECT_EQ(status.done, status.total) << "the run goes on";
  const RecordSet set = read_records(path_);
  const auto failed = std::find_if(set.records.begin(), set.records.end(), [](const Record& r) { return !r.ok; });
  ASSERT_NE(failed, set.records.end());
  EXPECT_EQ(failed->key.arm, "sps");
  expect_sound();
  segment(config());
  EXPECT_TRUE(had_work_);
  EXPECT_EQ(texts(), whole) << "a retry replaces the failure";
}

TEST_F(RunTest, NaNStopsTheRunAndNamesThePosition) {
  model("target").nan_at = 60;
  try {
    segment(config());
    FAIL() << "the run went on with NaN";
  } catch (const NumericError& e) {
    EXPECT_THAT(e.what(), HasSubstr("prompt "));
    EXPECT_THAT(e.what(), HasSubstr("NaN, +infinity or nothing finite at position "));
    EXPECT_EQ(e.code(), ExitCode::kRuntime);
  }
  EXPECT_FALSE(read_records(path_).records.empty()) << "what was measured before is kept";
}

TEST_F(RunTest, AModelThatCannotWarmUpStopsTheRun) {
  model("target").fail_at = 2;
  EXPECT_THROW(segment(config()), Error);
  EXPECT_TRUE(read_records(path_).records.empty());
}

TEST_F(RunTest, NothingSucceededStopsTheRun) {
  ExperimentConfig cfg = config();
  cfg.measure.warmup_prompts = 0;
  model("target").fail_at = 1;
  model("target").fail_for = 1000;
  try {
    segment(cfg);
    FAIL() << "a run without one success went on";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("nothing succeeded with the first prompt: no memory left at position 17"));
  }
}

TEST_F(RunTest, InterruptedAnywhereAndResumedGivesTheSameTexts) {
  segment(config());
  const auto whole = texts();
  const int64_t passes = model("target").passes;
  fs::remove_all(path_);
  for (const int64_t share : {2, 5, 9}) {
    make_models();
    interrupt_.store(false);
    model("target").flag = &interrupt_;
    model("target").raise_at = passes * share / 10;
    const RunStatus status = segment(config());
    EXPECT_LT(status.done, status.total);
    std::map<RecordKey, int> arms_of_unit;
    for (const Record& r : read_records(path_).records) {
      RecordKey unit = r.key;
      unit.arm.clear();
      ++arms_of_unit[unit];
    }
    for (const auto& [unit, arms] : arms_of_unit) EXPECT_EQ(arms, 2) << "half a comparison was kept";
    interrupt_.store(false);
    segment(config());
    EXPECT_EQ(texts(), whole);
    EXPECT_TRUE(read_records(path_).duplicates.empty());
    expect_sound();
    fs::remove_all(path_);
  }
}

TEST_F(RunTest, ATornBlockIsCompletedAndItsPairLeftOut) {
  segment(config());
  const auto whole = texts();
  const fs::path file = path_ / "records" / "s000-of-001.jsonl";
  const std::string text = read_file(file);
  std::vector<size_t> ends;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') ends.push_back(i + 1);
  }
  fs::resize_file(file, ends[2] + 100);  // one unit, one record of the next, and a torn one
  segment(config());
  EXPECT_EQ(texts(), whole);
  expect_sound();
  const Summary summary = summarize(read_manifest(path_), read_records(path_));
  ASSERT_EQ(summary.excluded.size(), 1u) << "the pair of two segments is no pair";
  EXPECT_THAT(summary.excluded[0], HasSubstr("1 of 6"));
}

TEST_F(RunTest, ABatchDecodesTheSameTextsAndSharesItsTime) {
  write_prompts(5, 2);
  ExperimentConfig cfg = config();
  cfg.measure.trace = false;
  segment(cfg);
  const auto alone = texts();
  fs::remove_all(path_);
  cfg.measure.batch = 2;
  EXPECT_EQ(make_plan(cfg).unbatched, 1);
  const RunStatus status = segment(cfg);
  EXPECT_EQ(status.done, 2 * 2) << "two batches, two repetitions";
  expect_sound();
  std::map<std::string, std::vector<Record>> by_batch;
  for (const Record& r : read_records(path_).records) {
    EXPECT_EQ(r.out, alone.at(r.key)) << "prompt " << r.key.prompt;
    EXPECT_EQ(r.batch, 2);
    EXPECT_EQ(r.request, request_id(r.key.prompt, r.key.rep, r.key.turn));
    EXPECT_LE(r.latency_us(), r.wall_us() + 0.5);
    EXPECT_GT(r.latency_us(), r.e2e_us) << "a share is half of the wall time, a latency is not";
    EXPECT_EQ(r.exact.value_or(true), true);
    by_batch[cat(r.group, r.key.arm, r.key.rep, r.key.turn)].push_back(r);
  }
  EXPECT_EQ(by_batch.size(), 2u * 2 * 2 * 2);
  int different = 0;
  for (const auto& [batch, records] : by_batch) {
    ASSERT_EQ(records.size(), 2u) << batch;
    EXPECT_EQ(records[0].e2e_us, records[1].e2e_us);
    different += records[0].out != records[1].out ? 1 : 0;
  }
  EXPECT_GT(different, 0) << "each text is recorded as its own";
}

TEST_F(RunTest, SpeedsOfABatchAreThoseOfItsWallTime) {
  write_prompts(4, 1);
  ExperimentConfig cfg = config();
  cfg.measure.batch = 4;
  segment(cfg);
  const RecordSet set = read_records(path_);
  const Summary summary = summarize(read_manifest(path_), set);
  double tokens = 0, wall_us = 0, latency_us = 0;
  int64_t texts = 0;
  for (const Record& r : set.records) {
    if (r.key.trace || r.key.arm != "sps") continue;
    ++texts;
    tokens += static_cast<double>(r.n_out());
    latency_us += r.rounds.ready_us.back();
    if (r.key.prompt == "0") wall_us += r.e2e_us * 4;
  }
  const CellSummary& all = summary.cell("sps", "");
  EXPECT_NEAR(all.at("e2e_tok_s").value, tokens / wall_us * 1e6, 1e-6 * all.at("e2e_tok_s").value);
  EXPECT_NEAR(all.at("e2e_ms").value, latency_us / static_cast<double>(texts) * 1e-3, 1e-9);
  EXPECT_EQ(summary.cell("sps", "story").at("speedup").why, "batches_mix_categories");
  EXPECT_TRUE(std::isfinite(summary.cell("sps", "story").at("tau").value));
  EXPECT_EQ(summary.traces.size(), 2u);
  EXPECT_EQ(summary.traces[0].records, 4) << "a fenced batch is whole";
}

TEST_F(RunTest, OnePassOverAPromptMayServeAllArms) {
  ExperimentConfig cfg = config();
  segment(cfg);
  const auto own = texts();
  const int64_t passes = model("target").passes;
  fs::remove_all(path_);
  make_models();
  cfg.measure.share_prefill = true;
  segment(cfg);
  EXPECT_EQ(texts(), own);
  EXPECT_EQ(model("target").passes, passes - 3 * 2) << "two arms, three prompts, two repetitions, one pass each";
  expect_sound();
  for (const Record& r : read_records(path_).records) EXPECT_GT(r.prefill_us, 0) << "every arm is billed";
}

TEST_F(RunTest, AnInterruptedBatchIsPlayedAgainAsAWhole) {
  write_prompts(4, 1);
  ExperimentConfig cfg = config();
  cfg.measure.batch = 2;
  segment(cfg);
  const auto whole = texts();
  const fs::path file = path_ / "records" / "s000-of-001.jsonl";
  const std::string text = read_file(file);
  fs::resize_file(file, text.find('\n', text.find('\n') + 1) - 5);  // one record of the first batch, and a torn one
  segment(cfg);
  EXPECT_EQ(texts(), whole);
  EXPECT_TRUE(read_records(path_).duplicates.empty());
  expect_sound();
}

TEST_F(RunTest, TurnsFollowEachOther) {
  write_prompts(2, 2);
  segment(config());
  const RecordSet set = read_records(path_);
  EXPECT_EQ(set.records.size(), 2u * (2 * 2 * 2 + 2));
  expect_sound();
  std::map<RecordKey, const Record*> index;
  for (const Record& r : set.records) index[r.key] = &r;
  const auto second = static_cast<int64_t>(tokenizer_->encode("and then 1", Tokenizer::Special::kWithout).size());
  for (const Record& r : set.records) {
    if (r.key.turn == 0) continue;
    RecordKey first = r.key;
    first.turn = 0;
    const Record& before = *index.at(first);
    const int64_t stop = before.out.back() == 2 ? 1 : 0;
    EXPECT_EQ(r.n_in, before.n_in + before.n_out() - stop + second);
    EXPECT_NE(r.request, before.request);
  }
}

TEST_F(RunTest, OtherBinariesAreRefusedByName) {
  segment(config());
  const ExperimentConfig cfg = config();
  const Plan plan = make_plan(cfg);
  RunInfo other = info_of(cfg, plan);
  other.identity["binary"] = "bbb";
  try {
    RunFolder folder(cfg, other, "auto");
    FAIL() << "a changed binary went on";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("another binary (was aaa, is bbb)"));
    EXPECT_THAT(e.what(), Not(HasSubstr("machine")));
  }
  {
    RunFolder forced(cfg, other, "force");
    EXPECT_EQ(forced.segment(), 1);
    forced.begin_segment(other, "{}\n");
    EXPECT_THAT(read_file(forced.path() / "segments.jsonl"), HasSubstr("\"mixed\":[\"binary (was aaa, is bbb)\"]"));
  }
  EXPECT_THAT(summarize(read_manifest(path_), read_records(path_)).warnings,
              Contains(HasSubstr("binary (was aaa, is bbb)")));
  RunInfo fresh = info_of(cfg, plan);
  RunFolder beside(cfg, fresh, "never");
  EXPECT_EQ(beside.path().filename().string(), cfg.cell + ".2");
  EXPECT_THROW(RunFolder(cfg, fresh, "perhaps"), ConfigError);
}

TEST_F(RunTest, OneWriterPerFolderAndNoForeignFolder) {
  const ExperimentConfig cfg = config();
  RunInfo info = info_of(cfg, make_plan(cfg));
  {
    RunFolder folder(cfg, info, "auto");
    EXPECT_THROW(RunFolder(cfg, info, "auto"), Error) << "two writers";
  }
  const fs::path foreign = fs::path(cfg.out) / cfg.name / cfg.cell;
  fs::remove_all(foreign);
  fs::create_directories(foreign);
  std::ofstream(foreign / "thesis.tex") << "mine";
  EXPECT_THROW(RunFolder(cfg, info, "auto"), ConfigError);
  EXPECT_EQ(read_file(foreign / "thesis.tex"), "mine");
  fs::remove(foreign / "thesis.tex");
  fs::create_directories(foreign / "records");  // what a run leaves that died before its manifest
  EXPECT_NO_THROW(RunFolder(cfg, info, "auto"));
}

// Drafts as many tokens as it has heard the ends of texts; so its records tell what it had learned.
class Learner final : public Drafter {
 public:
  explicit Learner(NoOptions /*options*/) {}
  std::vector<DraftTree> draft(const Round& round) override {
    const int wanted = std::min(heard_, 4);
    std::vector<DraftTree> trees;
    for (size_t b = 0; b < round.prefixes.size(); ++b) {
      const std::vector<Token> tokens(static_cast<size_t>(round.depth_limit(b, wanted)), round.prefixes[b].back());
      trees.push_back(DraftTree::chain_of_points(round.prefixes[b].back(), tokens));
    }
    return trees;
  }
  void finish(int64_t /*request*/, const Prefix& /*text*/) override { ++heard_; }

 private:
  int heard_ = 0;
};

struct LearningRunTest : RunTest {
  void SetUp() override {
    RunTest::SetUp();
    registries_.drafters.add(drafter_entry<Learner, NoOptions>(
        "learner", "", "", [](const NoOptions&) { return Facts{.laws = {Draw::kPoint}, .scope = Scope::kRun}; }));
    make_config();
    cfg_ = load_config(folder_ / "learning.toml", {.out = (folder_ / "runs").string()}, registries_);
  }
  void make_config() {
    config();
    std::string text = read_file(folder_ / "study.toml");
    text += "[[arm]]\nname = \"learner\"\ndrafter = \"learner\"\n";
    std::ofstream(folder_ / "learning.toml") << text;
  }
  // (trace, rep, prompt) -> the drafts of the learner's first round.
  std::map<std::tuple<bool, int, std::string>, int> first_drafts() const {
    std::map<std::tuple<bool, int, std::string>, int> found;
    for (const Record& r : read_records(path_).records) {
      if (r.key.arm == "learner") found[{r.key.trace, r.key.rep, r.key.prompt}] = r.rounds.drafted.front();
    }
    return found;
  }
  ExperimentConfig cfg_;
};

TEST_F(LearningRunTest, EachPassStartsKnowingNothingAndHearsThePromptsInTheirOrder) {
  segment(cfg_);
  const auto drafts = first_drafts();
  ASSERT_EQ(drafts.size(), 3u * 2 + 1);
  for (const int rep : {0, 1}) {
    std::vector<int> in_order;
    for (const Prompt& prompt : make_plan(cfg_).prompts) in_order.push_back(drafts.at({false, rep, prompt.id}));
    EXPECT_EQ(in_order, (std::vector<int>{0, 1, 2})) << "repetition " << rep;
  }
  EXPECT_EQ(drafts.at({true, 0, make_plan(cfg_).prompts[0].id}), 0) << "the fenced pass";
}

TEST_F(LearningRunTest, AResumedRunHasLearnedWhatAnUndisturbedOneHas) {
  segment(cfg_);
  const auto whole = first_drafts();
  const int64_t passes = model("target").passes;
  fs::remove_all(path_);
  for (const int64_t share : {3, 6, 9}) {
    make_models();
    interrupt_.store(false);
    model("target").flag = &interrupt_;
    model("target").raise_at = passes * share / 10;
    segment(cfg_);
    interrupt_.store(false);
    make_models();
    segment(cfg_);
    EXPECT_EQ(first_drafts(), whole) << share;
    fs::remove_all(path_);
  }
}

TEST_F(RunTest, MarginIsTheGapInTheTargetWhereTextsFirstDiffer) {
  segment(config());
  Record base = read_records(path_).records.front();
  Record arm = base;
  arm.exact.reset();
  ASSERT_GE(base.n_out(), 3);
  arm.out[2] = (base.out[2] + 1) % 4096;
  const Prefix prompt = {1, 50, 60};
  compare_texts(arm, base, prompt, *models_.at("target"), true);
  EXPECT_EQ(arm.exact, false);
  EXPECT_EQ(arm.first_difference, 2);
  const std::vector<float> logits = model("target").inner().logits({1, 50, 60, base.out[0], base.out[1]});
  EXPECT_NEAR(*arm.margin_nats, logits[base.out[2]] - logits[arm.out[2]], 1e-5);
  arm.out.resize(2);
  compare_texts(arm, base, prompt, *models_.at("target"), true);
  EXPECT_EQ(arm.first_difference, 2);
}

TEST(Plan, ContextAndCategoriesAreCheckedBeforeAnythingRuns) {
  const Registries registries = make_registries();
  const std::string study = std::string(SPECULA_SOURCE_DIR) + "/configs/studies/quickstart.toml";
  ExperimentConfig config = load_config(study, {}, registries);
  const auto tokenizer = load_tokenizer(config.model("target").folder);
  const Plan plan = make_plan(config);
  EXPECT_NO_THROW(check_context(plan, config, *tokenizer, 1024, "target"));
  try {
    check_context(plan, config, *tokenizer, 100, "target");
    FAIL() << "prompts of a few tokens and 96 new ones do not fit into 100";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("that is more than the context of model 'target', 100"));
    EXPECT_THAT(e.what(), HasSubstr("max_new_tokens = 96"));
  }
  config.data.categories = {"poetry"};
  EXPECT_THROW(make_plan(config), ConfigError);
}

TEST(Plan, BatchesHoldPromptsOfAsManyTurns) {
  const fs::path file = fs::path(::testing::TempDir()) / "batches.jsonl";
  std::ofstream lines(file);
  for (int i = 0; i < 7; ++i)
    lines << R"({"question_id": )" << i << R"(, "category": "a", "turns": ["x")" << (i % 3 == 0 ? R"(, "y")" : "")
          << "]}\n";
  lines.close();
  const std::string study = std::string(SPECULA_SOURCE_DIR) + "/configs/studies/quickstart.toml";
  ExperimentConfig config = load_config(study, {}, make_registries());
  config.data.file = file.string();
  config.data.categories = {};
  config.measure.batch = 2;
  const Plan plan = make_plan(config);
  EXPECT_EQ(plan.unbatched, 1) << "0, 3 and 6 have two turns, the others one";
  EXPECT_EQ(plan.prompts.size(), 6u);
  for (const Unit& unit : plan.units) {
    ASSERT_EQ(unit.prompts.size(), 2u);
    EXPECT_EQ(plan.prompts[unit.prompts[0]].turns.size(), plan.prompts[unit.prompts[1]].turns.size());
  }
  config.measure.batch = 5;
  try {
    make_plan(config);
    FAIL() << "no five prompts have as many turns";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("[measure] batch = 5: the 7 prompts of "));
  }
}

TEST(Plan, OrderIsSeededPerPromptAndFair) {
  std::array<std::array<int, 3>, 3> seen{};
  std::set<std::vector<size_t>> orders;
  for (int i = 0; i < 600; ++i) {
    const Unit unit{.prompts = {0}, .rep = i};
    const std::vector<size_t> order = arm_order(7, unit, "p", 3);
    EXPECT_EQ(order, arm_order(7, unit, "p", 3));
    orders.insert(order);
    for (size_t k = 0; k < 3; ++k) ++seen[k][order[k]];
  }
  EXPECT_EQ(orders.size(), 6u);
  for (const auto& place : seen) {
    for (const int count : place) EXPECT_NEAR(count, 200, 60);  // 5 standard errors
  }
}

TEST(Plan, RequestsNameTheirTurnAndNothingElse) {
  std::set<int64_t> ids;
  for (const char* const prompt : {"1", "11", "a"}) {
    for (int rep : {0, 1, 11}) {
      for (int turn : {0, 1}) {
        const int64_t id = request_id(prompt, rep, turn);
        EXPECT_GE(id, 0);
        ids.insert(id);
      }
    }
  }
  EXPECT_EQ(ids.size(), 18u);
}

}  // namespace
}  // namespace specula
