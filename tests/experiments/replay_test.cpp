// Recorded rounds and what becomes of them: the file, its torn and hostile forms, resumed runs, rules that judge again;
// expected lengths and notes in records; arms with targets of their own.
#include "experiments/replay/replay.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <unistd.h>

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
#include "experiments/run/run_arm.h"
#include "experiments/run/trace_room.h"
#include "framework/core/files.h"
#include "framework/core/log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kVocab = 11;

Tensor rows_of(const std::vector<std::vector<std::pair<Token, float>>>& rows) {
  Tensor out = at::zeros({static_cast<int64_t>(rows.size()), kVocab}, at::kFloat);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const auto& [x, mass] : rows[i]) out.mutable_data_ptr<float>()[static_cast<int64_t>(i) * kVocab + x] = mass;
  }
  return out;
}

std::vector<float> values(const Tensor& t) {
  if (!t.defined()) return {};
  return {t.const_data_ptr<float>(), t.const_data_ptr<float>() + t.numel()};
}

std::vector<std::pair<Token, float>> uniform_row() {
  std::vector<std::pair<Token, float>> row;
  for (Token x = 0; x < kVocab; ++x) row.emplace_back(x, 1.0F / kVocab);
  return row;
}

// Siblings of different laws, a probe, q_next at a leaf; rows of one token, of a few and of all.
DraftTree tree_of_all_kinds() {
  DraftTree tree = DraftTree::root_only(3);
  tree.add(4, 0, Draw::kIid, 0);
  tree.add(4, 0, Draw::kIid, 0);
  tree.add(10, 1, Draw::kPoint);
  tree.add(2, 3, Draw::kProbe);
  tree.q_next[0] = 0;
  tree.q_next[3] = 1;
  tree.q = rows_of({{{4, 0.75F}, {0, 0.25F}}, uniform_row()});
  return tree;
}

class TraceFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              cat("specula-trace-", ::getpid(), "-", ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    path_ = trace_path(folder_, "arm");
  }
  void TearDown() override { fs::remove_all(folder_); }

  static Record record(const std::string& prompt) {
    Record r;
    r.key = {.arm = "arm", .prompt = prompt, .turn = 1, .rep = 2};
    r.group = "group of " + prompt;
    r.category = "story";
    r.request = 77;
    r.n_in = 9;
    return r;
  }
  static std::string frame(const std::string& prompt, const std::vector<DraftTree>& trees) {
    TraceRecorder recorder;
    const Verdict verdict;
    for (const DraftTree& tree : trees) {
      std::vector<std::vector<std::pair<Token, float>>> p(static_cast<size_t>(tree.size()), {{5, 1.0F}});
      p.back() = uniform_row();
      recorder.add({.index = 0, .start = 12, .tree = tree, .p = rows_of(p), .verdict = verdict});
    }
    return recorder.take(record(prompt));
  }
  TraceWriter writer(const std::vector<std::string>& kept = {}) const {
    return {path_, header_,
            [kept](const RecordKey& key) { return std::find(kept.begin(), kept.end(), key.prompt) != kept.end(); }};
  }
  void write(const std::vector<std::string>& prompts) const {
    TraceWriter out(path_, header_, [](const RecordKey&) { return true; });
    for (const std::string& prompt : prompts) out.append(frame(prompt, {tree_of_all_kinds()}));
  }
  std::vector<std::string> prompts() const {
    std::vector<std::string> found;
    TraceReader reader(path_);
    while (auto traced = reader.next()) found.push_back(traced->blank.key.prompt);
    return found;
  }
  std::string error() const {
    try {
      TraceReader reader(path_);
      while (auto traced = reader.next()) {
        TracedRound round;
        while (traced->next(round)) {
        }
      }
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  void change(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

  fs::path folder_, path_;
  TraceHeader header_{.arm = "arm",
                      .drafter = "draft_model(length = 4)",
                      .verifier = "rejection",
                      .sampler = "temperature(1.0)",
                      .vocab = kVocab,
                      .trees = true,
                      .laws = {Draw::kIid, Draw::kPoint}};
};

TEST_F(TraceFile, ReadsBackWhatWasWritten) {
  const DraftTree tree = tree_of_all_kinds(), root = DraftTree::root_only(7);
  writer().append(frame("a", {tree, root}));
  TraceReader reader(path_);
  EXPECT_EQ(reader.header(), header_);
  auto traced = reader.next();
  ASSERT_TRUE(traced.has_value());
  EXPECT_EQ(traced->blank.key, record("a").key);
  EXPECT_EQ(traced->blank.group, "group of a");
  EXPECT_EQ(traced->blank.category, "story");
  EXPECT_EQ(traced->blank.request, 77);
  EXPECT_EQ(traced->blank.n_in, 9);
  ASSERT_EQ(traced->num_rounds, 2u);
  TracedRound round;
  ASSERT_TRUE(traced->next(round));
  EXPECT_EQ(round.start, 12);
  EXPECT_EQ(round.tree.token, tree.token);
  EXPECT_EQ(round.tree.parent, tree.parent);
  EXPECT_EQ(round.tree.draw, tree.draw);
  EXPECT_EQ(round.tree.q_row, tree.q_row);
  EXPECT_EQ(round.tree.q_next, tree.q_next);
  EXPECT_EQ(values(round.tree.q), values(tree.q));
  EXPECT_EQ(values(round.p), values(rows_of({{{5, 1.0F}}, {{5, 1.0F}}, {{5, 1.0F}}, {{5, 1.0F}}, uniform_row()})));
  ASSERT_TRUE(traced->next(round));
  EXPECT_EQ(round.tree.size(), 1);
  EXPECT_FALSE(round.tree.q.defined());
  EXPECT_FALSE(traced->next(round));
  EXPECT_FALSE(reader.next().has_value());
}

TEST_F(TraceFile, RowsOfFewTokensCostNoVocabulary) {
  const int64_t vocab = 4096;
  const Verdict verdict;
  const DraftTree tree = DraftTree::root_only(7);
  const auto size = [&](int tokens) {
    Tensor p = at::zeros({1, vocab}, at::kFloat);
    for (int x = 0; x < tokens; ++x) p.mutable_data_ptr<float>()[x] = 1.0F / static_cast<float>(tokens);
    TraceRecorder recorder;
    recorder.add({.start = 1, .tree = tree, .p = p, .verdict = verdict});
    return static_cast<int64_t>(recorder.take(record("a")).size());
  };
  EXPECT_EQ(size(2) - size(1), 8);
  EXPECT_EQ(size(2047) - size(1), 2046 * 8);
  EXPECT_EQ(size(2048), size(4096)) << "half of them is not fewer than half";
}

TEST_F(TraceFile, TornTailsAreIgnoredAndCutOff) {
  write({"a", "b", "c"});
  const std::string whole = read_file(path_);
  const size_t frame_size = frame("a", {tree_of_all_kinds()}).size();
  for (const size_t lost : {size_t{1}, frame_size - 17, frame_size - 3}) {
    change(whole.substr(0, whole.size() - lost));
    EXPECT_EQ(prompts(), (std::vector<std::string>{"a", "b"})) << lost << " bytes are missing";
  }
  std::string holed = whole;  // a system that died wrote the size, and zeros for what was to come
  std::memset(holed.data() + holed.size() - 40, 0, 40);
  change(holed);
  EXPECT_EQ(prompts(), (std::vector<std::string>{"a", "b"}));
  writer({"a", "b", "c"}).append(frame("d", {tree_of_all_kinds()}));
  EXPECT_EQ(prompts(), (std::vector<std::string>{"a", "b", "d"}));
}

TEST_F(TraceFile, FramesWithoutARecordAreCutOff) {
  write({"a", "b", "c"});
  writer({"a", "c"}).append(frame("b", {tree_of_all_kinds()}));
  EXPECT_EQ(prompts(), (std::vector<std::string>{"a", "b"})) << "b had no record, and c came after it";
}

TEST_F(TraceFile, AnotherCompositionIsRefused) {
  write({"a"});
  header_.verifier = "agreement";
  EXPECT_THROW(writer({"a"}), ConfigError);
  EXPECT_EQ(prompts(), std::vector<std::string>{"a"});
}

TEST_F(TraceFile, DamageIsNamed) {
  write({"a", "b"});
  const std::string whole = read_file(path_);
  const size_t frame_size = frame("a", {tree_of_all_kinds()}).size();
  std::string flipped = whole;
  flipped[whole.size() - frame_size - 5] ^= 1;  // in the frame of a
  change(flipped);
  EXPECT_THAT(error(), HasSubstr("is damaged (its checksum does not fit)"));
  change("something else");
  EXPECT_THAT(error(), HasSubstr("not a trace of this version"));
  change("");
  EXPECT_THAT(error(), HasSubstr("not a trace of this version"));
}

// A frame whose checksum fits and whose content lies: nothing is allocated for it.
TEST_F(TraceFile, ClaimsAreCheckedBeforeAnythingIsAllocated) {
  const auto with_round = [&](uint32_t rows, uint32_t groups) {
    const std::string honest = frame("a", {DraftTree::root_only(7)});
    std::string payload = honest.substr(16);
    const size_t head = payload.size() - (8 + 4 + 4 + 17) - (4 + 4 * kVocab);
    std::memcpy(payload.data() + head + 8, &rows, 4);
    std::memcpy(payload.data() + head + 12, &groups, 4);
    write({});
    uint64_t hash = 14695981039346656037ULL;
    for (const char c : payload) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    const uint64_t size = payload.size();
    std::string bytes(16, '\0');
    std::memcpy(bytes.data(), &size, 8);
    std::memcpy(bytes.data() + 8, &hash, 8);
    std::ofstream(path_, std::ios::binary | std::ios::app) << bytes << payload;
    const std::string found = error();
    fs::remove(path_);
    return found;
  };
  EXPECT_EQ(with_round(1, 0), "no error") << "the test builds honest frames";
  EXPECT_THAT(with_round(0, 0), HasSubstr("a round of 0 rows"));
  EXPECT_THAT(with_round(4000000000U, 0), HasSubstr("a round of 4000000000 rows"));
  EXPECT_THAT(with_round(1, 4000000000U), HasSubstr("rows of q"));
  EXPECT_THAT(with_round(100, 0), HasSubstr("it ends too early"));
  EXPECT_THAT(with_round(1, 9), HasSubstr("not a round's record"));
}

TEST_F(TraceFile, ArmNamesBecomeFileNames) {
  EXPECT_EQ(trace_path("run", "sps-g4").string(), "run/traces/sps-g4.trace");
  EXPECT_EQ(trace_path("run", "../a b").string(), "run/traces/%2E.%2Fa%20b.trace");
}

// --- Runs of the demo pair ---

class ReplayRun : public ConfigFolder {
 protected:
  void SetUp() override {
    ConfigFolder::SetUp();
    log::set_level(log::Level::kOff);
  }
  void TearDown() override {
    log::close_file();
    log::set_level(log::Level::kInfo);
    ConfigFolder::TearDown();
  }

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
    TraceReader trace(trace_path(run_, drawn ? "iid" : "points"));
    ReplayRules rules = rules_for(trace.header(), "", registry);
    replay_trace(trace, rules, {.seed = 5});
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
  ASSERT_TRUE(runner.decode_into(with, {.prompt = {1, 409, 310}, .request = 3, .expected = true}));
  const double wall_us = 1e6 * (seconds_now() - start);
  ASSERT_TRUE(runner.decode_into(without, {.prompt = {1, 409, 310}, .request = 3}));
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
  TraceReader trace(trace_path(run_, "iid"));
  ReplayRules rules = rules_for(trace.header(), "", registry);
  ASSERT_EQ(rules.rules.size(), 2u);
  const std::vector<Record> found = replay_trace(trace, rules, {.prefix = "x/", .seed = 5});
  ASSERT_EQ(rules.rules.size(), 1u);
  EXPECT_EQ(found.size(), 4u);
  for (const Record& r : found) EXPECT_EQ(r.key.arm, "x/agreement");
  EXPECT_THAT(rules.left_out, Contains("refuses: it refuses a round: a tree of less than four rows"));
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
