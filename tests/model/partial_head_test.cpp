// Heads of some tokens only: their logits are those of the whole head, bit by bit in the own engine, and whatever the
// model, a draft restricted to frequent tokens has no others.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "framework/model/frequent_tokens.h"
#include "framework/model/random_model.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

struct Setting {
  std::string device;
  Dtype dtype;
  bool is_tied;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.device << " " << name_of(setting.dtype); }

class PartialHeads : public testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    config_ = GetParam().is_tied ? plain_config() : odd_config();
    write_random_llama(folder_.path(), config_, 7, Dtype::kFloat32);
    model_ = load_model(folder_.path(), {.dtype = GetParam().dtype, .device = GetParam().device});
    for (Token t = static_cast<Token>(config_.vocab) - 1; t > 0; t -= 3) tokens_.push_back(t);  // not in order
  }
  Pass pass(const LanguageModel& model, const Ask& ask) const {
    const auto cache = model.new_cache(2, 0);
    return model.forward(to_rows({chain({1, 2, 3, 4}), chain({5, 6})}), *cache, ask);
  }

  TemporaryFolder folder_;
  DecoderConfig config_;
  std::unique_ptr<LoadedModel> model_;
  std::vector<Token> tokens_;
};
INSTANTIATE_TEST_SUITE_P(All, PartialHeads,
                         testing::Values(Setting{"cpu", Dtype::kFloat32, false}, Setting{"cpu", Dtype::kFloat32, true},
                                         Setting{"cpu", Dtype::kBfloat16, false}, Setting{"cpu", Dtype::kInt8, false},
                                         Setting{"cpu", Dtype::kInt8Weights, false},
                                         Setting{"cpu", Dtype::kInt4, false}, Setting{"aten", Dtype::kFloat32, false},
                                         Setting{"aten", Dtype::kBfloat16, true}),
                         [](const auto& test) {
                           return test.param.device + "_" + name_of(test.param.dtype) +
                                  (test.param.is_tied ? "_tied" : "");
                         });

TEST_P(PartialHeads, GiveTheLogitsOfTheWholeHead) {
  const auto head = model_->partial_head(tokens_);
  if (head == nullptr) GTEST_SKIP() << "oneDNN holds a packed copy alone";
  for (const Logits which : {Logits::kAll, Logits::kLast}) {
    const Pass whole = pass(*model_, {.logits = which});
    const Pass part = pass(*model_, {.logits = which, .head = head.get()});
    ASSERT_EQ(part.logits.size(1), whole.logits.size(1));
    ASSERT_EQ(part.logits.size(2), static_cast<int64_t>(tokens_.size()));
    for (const auto& [b, row] : {std::pair{0, 0}, {1, 0}, {0, which == Logits::kAll ? 3 : 0}}) {
      const std::vector<float> all = logits_of(whole, b, row), few = logits_of(part, b, row);
      for (size_t i = 0; i < tokens_.size(); ++i) {
        const float wanted = all[static_cast<size_t>(tokens_[i])];
        if (GetParam().device == "cpu") {
          EXPECT_EQ(few[i], wanted) << "token " << tokens_[i];
        } else {
          EXPECT_NEAR(few[i], wanted, 1e-2f * range_of(all)) << "token " << tokens_[i];  // shapes choose kernels
        }
      }
    }
  }
}

TEST_P(PartialHeads, FrequentTokensAreAllThatIsLeft) {
  const FrequentTokens few(*model_, tokens_);
  EXPECT_TRUE(few.saves() || GetParam().device == "aten");
  EXPECT_EQ(few.vocab(), config_.vocab);
  const Pass whole = pass(*model_, {}), part = pass(few, {});
  const std::vector<float> all = logits_of(whole, 0, 3), left = logits_of(part, 0, 3);
  ASSERT_EQ(left.size(), all.size());
  for (size_t x = 0; x < left.size(); ++x) {
    if (std::find(tokens_.begin(), tokens_.end(), static_cast<Token>(x)) == tokens_.end()) {
      EXPECT_EQ(left[x], -std::numeric_limits<float>::infinity()) << x;
    } else {
      EXPECT_NEAR(left[x], all[x], 1e-2f * range_of(all)) << x;
    }
  }
  EXPECT_FALSE(pass(few, {.logits = Logits::kNone}).logits.defined());
}

TEST_P(PartialHeads, OfAnotherModelAreRefused) {
  const auto other = load_model(folder_.path(), {.dtype = GetParam().dtype, .device = GetParam().device});
  const auto head = other->partial_head(tokens_);
  if (head == nullptr) GTEST_SKIP() << "oneDNN holds a packed copy alone";
  EXPECT_THROW(pass(*model_, {.head = head.get()}), std::logic_error);
}

TEST(FrequentTokensOf, WrongListsAreRefused) {
  TemporaryFolder folder;
  const DecoderConfig config = odd_config();
  write_random_llama(folder.path(), config, 7, Dtype::kFloat32);
  const auto model = load_model(folder.path(), {});
  EXPECT_THROW(FrequentTokens(*model, {}), std::logic_error);
  EXPECT_THROW(FrequentTokens(*model, {1, 2, 1}), std::logic_error);
  EXPECT_THROW(FrequentTokens(*model, {static_cast<Token>(config.vocab)}), std::logic_error);
  EXPECT_THROW(FrequentTokens(*model, {-1}), std::logic_error);
}

}  // namespace
}  // namespace specula::test
