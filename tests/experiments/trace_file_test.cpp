// The file of recorded rounds: what is read is what was written; torn ends, damage and lies.
#include "experiments/run/trace_file.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

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

TEST_F(TraceFile, RowsThatAreNoDistributionsAreRefused) {
  const auto with_mass = [&](float mass) {
    TraceRecorder recorder;
    const DraftTree tree = DraftTree::root_only(7);
    const Verdict verdict;
    recorder.add({.index = 0, .start = 1, .tree = tree, .p = rows_of({{{2, 0.5F}, {3, mass}}}), .verdict = verdict});
    write({});
    writer().append(recorder.take(record("a")));
    const std::string found = error();
    fs::remove(path_);
    return found;
  };
  EXPECT_EQ(with_mass(0.5F), "no error");
  EXPECT_THAT(with_mass(std::numeric_limits<float>::quiet_NaN()), HasSubstr("row 0 of p has nan at token 3"));
  EXPECT_THAT(with_mass(-0.5F), HasSubstr("row 0 of p has -0.5 at token 3"));
  EXPECT_THAT(with_mass(std::numeric_limits<float>::infinity()), HasSubstr("row 0 of p sums to inf"));
  EXPECT_THAT(with_mass(3), HasSubstr("row 0 of p sums to 3.5"));
}

TEST_F(TraceFile, BrokenTreesAreNamedWithoutPlacesInTheProgram) {
  DraftTree tree = tree_of_all_kinds();
  tree.q_row[1] = 99;
  write({});
  writer().append(frame("a", {tree}));
  EXPECT_THAT(error(), HasSubstr("row 1 has q_row 99 of 2"));
  EXPECT_THAT(error(), ::testing::Not(HasSubstr(".cpp")));
}

TEST_F(TraceFile, TornTailsAndRecordsOfOtherArmsAreSeen) {
  write({"a", "b"});
  const auto is_torn = [&] {
    TraceReader reader(path_);
    while (reader.next()) {
    }
    return reader.is_torn();
  };
  EXPECT_FALSE(is_torn());
  const std::string whole = read_file(path_);
  change(whole.substr(0, whole.size() - 1));
  EXPECT_TRUE(is_torn());
  fs::remove(path_);
  header_.arm = "another";
  write({"a"});
  EXPECT_THAT(error(), HasSubstr("holds a record of the arm 'arm' among those of 'another'"));
}

TEST_F(TraceFile, ArmNamesBecomeFileNames) {
  EXPECT_EQ(trace_path("run", "sps-g4").string(), "run/traces/sps-g4.trace");
  EXPECT_EQ(trace_path("run", "../a b").string(), "run/traces/%2E.%2Fa%20b.trace");
}

}  // namespace
}  // namespace specula
