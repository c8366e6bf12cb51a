// The check of batch invariance finds each way of losing it, and no other: one bit is planted where a model may not
// depend on the shape of a pass.
#include "framework/model/invariance.h"

#include <gmock/gmock.h>

#include <cmath>

#include "framework/model/random_model.h"
#include "framework/model/threads.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What a fault may look at: the rows of the pass and the cache before it.
using IsFault = std::function<bool(const Rows& rows, const KvCache& cache)>;

// The model it wraps, but the first logit of every row is one ulp off in the passes that `is_fault` picks.
class Planted final : public LanguageModel {
 public:
  Planted(const LanguageModel& inner, IsFault is_fault, int64_t context = 4096)
      : inner_(inner), is_fault_(std::move(is_fault)), context_(context) {}
  int64_t vocab() const override { return inner_.vocab(); }
  int64_t context() const override { return context_; }
  int64_t layers() const override { return inner_.layers(); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return inner_.new_cache(batch, reserve);
  }
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    ++passes;
    longest = std::max(longest, cache.size(0) + cache.tentative(0) + rows.token.size(1));
    const bool fault = is_fault_(rows, cache);
    Pass pass = inner_.forward(rows, cache, ask);
    if (!fault || !pass.logits.defined()) return pass;
    auto* logits = pass.logits.mutable_data_ptr<float>();
    for (int64_t i = 0; i < pass.logits.numel(); i += inner_.vocab()) logits[i] = std::nextafter(logits[i], 1e9F);
    return pass;
  }
  mutable int64_t passes = 0, longest = 0;

 private:
  const LanguageModel& inner_;
  IsFault is_fault_;
  int64_t context_;
};

class Invariance : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    set_threads(2);
    const TemporaryFolder folder;
    write_random_llama(folder.path(), odd_config(), 4, Dtype::kFloat32);
    model_ = load_model(folder.path(), {.dtype = Dtype::kFloat32}).release();
  }
  static void TearDownTestSuite() { delete model_; }

  // The names of the properties that were lost.
  static std::vector<std::string> lost(const LanguageModel& model, const InvarianceOptions& options) {
    std::vector<std::string> names;
    for (const auto& property : check_invariance(model, options).properties) {
      if (!property.held) names.push_back(property.name);
    }
    return names;
  }
  static void expect_lost(const IsFault& is_fault, const std::vector<std::string>& expected) {
    const Planted planted(*model_, is_fault);
    EXPECT_EQ(lost(planted, quick_invariance()), expected) << "quick";
    EXPECT_EQ(lost(planted, full_invariance()), expected) << "full";
  }

  static const LoadedModel* model_;
};
const LoadedModel* Invariance::model_ = nullptr;

bool is_chain(const Rows& rows) {
  const auto* parent = rows.parent.const_data_ptr<int64_t>();
  for (int64_t r = 1; r < rows.token.size(1); ++r) {
    if (parent[r] != parent[r - 1] + 1) return false;
  }
  return true;
}

TEST_F(Invariance, HoldsOnTheEngine) {
  expect_lost([](const Rows&, const KvCache&) { return false; }, {});
  const InvarianceReport report = check_invariance(*model_, full_invariance());
  EXPECT_TRUE(report.held());
  EXPECT_EQ(report.properties.size(), 7U);
  EXPECT_THAT(report.text(), HasSubstr("holds for passes of up to 40 rows, prefill in chunks, trees"));
  EXPECT_THAT(report.text(), Not(HasSubstr("NOT")));
}

TEST_F(Invariance, QuickIsQuick) {
  const Planted counted(*model_, [](const Rows&, const KvCache&) { return false; });
  EXPECT_TRUE(check_invariance(counted, quick_invariance()).held());
  EXPECT_LE(counted.passes, 26);
  EXPECT_LE(counted.longest, 24);
}

TEST_F(Invariance, MoreThanOneRowIsNoticed) {
  const Planted planted(*model_, [](const Rows& rows, const KvCache&) { return rows.token.size(1) > 1; });
  const InvarianceReport report = check_invariance(planted, quick_invariance());
  EXPECT_FALSE(report.held());
  EXPECT_FALSE(report.properties.front().held);
  EXPECT_THAT(report.text(), ::testing::StartsWith("DOES NOT HOLD for passes of up to 8 rows"));
}

TEST_F(Invariance, RowCountsChunksTreesBatchesAndTentativeRowsAreToldApart) {
  const auto committed_chain = [](const Rows& rows, const KvCache& cache) {
    return rows.token.size(0) == 1 && is_chain(rows) && cache.size(0) > 0 && cache.tentative(0) == 0;
  };
  expect_lost(
      [&](const Rows& rows, const KvCache& cache) { return committed_chain(rows, cache) && rows.token.size(1) == 8; },
      {"rows"});
  expect_lost(
      [](const Rows& rows, const KvCache& cache) {
        return cache.size(0) == 0 && rows.token.size(1) > 16 && rows.token.size(0) == 1;
      },
      {"chunks"});
  expect_lost([](const Rows& rows, const KvCache&) { return rows.token.size(0) == 1 && !is_chain(rows); }, {"tree"});
  expect_lost([](const Rows& rows, const KvCache&) { return rows.token.size(0) > 1; }, {"batch"});
  expect_lost([](const Rows&, const KvCache& cache) { return cache.tentative(0) > 0; }, {"tentative"});
}

TEST_F(Invariance, ThreadsAreTriedAndRestored) {
  const Planted planted(*model_, [](const Rows&, const KvCache&) { return threads() == 1; });
  EXPECT_THAT(lost(planted, full_invariance()), ElementsAre("threads"));
  EXPECT_EQ(threads(), 2);
  EXPECT_THAT(lost(planted, quick_invariance()), IsEmpty());
  const Planted failing(*model_, [](const Rows&, const KvCache&) -> bool {
    if (threads() == 1) throw Error("no memory");
    return false;
  });
  EXPECT_THROW(check_invariance(failing, full_invariance()), Error);
  EXPECT_EQ(threads(), 2);
}

TEST_F(Invariance, StaysWithinAShortContext) {
  for (const int64_t context : {2, 5, 9, 30}) {
    const Planted planted(
        *model_, [](const Rows&, const KvCache&) { return false; }, context);
    EXPECT_TRUE(check_invariance(planted, full_invariance()).held()) << context;
    EXPECT_LE(planted.longest, std::max<int64_t>(context, 16)) << context;  // the tree's rows share positions
  }
}

}  // namespace
}  // namespace specula::test
