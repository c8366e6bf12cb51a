// The comparison of two models on texts: nothing where they are the same, the right figures where they are not.
#include "framework/decode/quality.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

#include "framework/certify/hash_model.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A model whose logits are changed in place: [V] of one row.
class Changed final : public LanguageModel {
 public:
  using Change = std::function<void(float* logits, int64_t vocab)>;
  Changed(const LanguageModel& inner, Change change, int64_t context = 4096)
      : inner_(inner), change_(std::move(change)), context_(context) {}
  int64_t vocab() const override { return inner_.vocab(); }
  int64_t context() const override { return context_; }
  int64_t layers() const override { return inner_.layers(); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return inner_.new_cache(batch, reserve);
  }
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    Pass pass = inner_.forward(rows, cache, ask);
    for (int64_t i = 0; i < pass.logits.numel(); i += vocab())
      change_(pass.logits.mutable_data_ptr<float>() + i, vocab());
    return pass;
  }

 private:
  const LanguageModel& inner_;
  Change change_;
  int64_t context_;
};

std::vector<Prefix> texts() {
  std::vector<Prefix> all(3);
  for (int i = 0; i < 300; ++i) all[0].push_back((i * i + 3 * i) % 11);  // more than two chunks
  all[1] = {4, 10, 2};
  all[2] = {7};  // nothing to score
  return all;
}

TEST(Quality, OfAModelAgainstItselfIsExactlyNothing) {
  const HashModel model({.seed = 5, .vocab = 11});
  const Quality quality = compare_quality(model, model, texts());
  EXPECT_EQ(quality.tokens, 299 + 2);
  EXPECT_EQ(quality.nll_difference, 0);
  EXPECT_EQ(quality.nll_difference_se, 0);
  EXPECT_EQ(quality.kl, 0);
  EXPECT_EQ(quality.argmax_equal, 1);
  EXPECT_EQ(quality.nll, quality.nll_reference);
  EXPECT_GT(quality.nll, 0.5);
}

TEST(Quality, AConstantChangesNothing) {
  const HashModel model({.seed = 5, .vocab = 11});
  const Changed shifted(model, [](float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] += 100;
  });
  const Quality quality = compare_quality(model, shifted, texts());
  EXPECT_NEAR(quality.nll_difference, 0, 1e-5);
  EXPECT_NEAR(quality.kl, 0, 1e-5);
  EXPECT_EQ(quality.argmax_equal, 1);
}

// Every figure again, term by term, from the logits of whole histories.
TEST(Quality, FiguresOfAnotherModelAreTheirDefinitions) {
  const HashModel reference({.seed = 5, .vocab = 11});
  const HashModel model({.seed = 6, .vocab = 11, .near = &reference, .nearness = 0.9});
  const Prefix text = {4, 10, 2, 0, 3, 9};
  const Quality quality = compare_quality(reference, model, {text});
  const auto log_softmax = [](const std::vector<float>& logits) {
    double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x));
    std::vector<double> result;
    for (const float x : logits) result.push_back(static_cast<double>(x) - std::log(sum));
    return result;
  };
  double nll_p = 0, nll_q = 0, kl = 0, equal = 0, squares = 0;
  std::vector<double> differences;
  for (size_t t = 1; t < text.size(); ++t) {
    const Prefix history(text.begin(), text.begin() + static_cast<ptrdiff_t>(t));
    const auto p = log_softmax(reference.logits(history)), q = log_softmax(model.logits(history));
    const auto x = static_cast<size_t>(text[t]);
    nll_p -= p[x] / 5;
    nll_q -= q[x] / 5;
    differences.push_back(p[x] - q[x]);
    for (size_t i = 0; i < p.size(); ++i) kl += std::exp(p[i]) * (p[i] - q[i]) / 5;
    equal +=
        std::max_element(p.begin(), p.end()) - p.begin() == std::max_element(q.begin(), q.end()) - q.begin() ? 0.2 : 0;
  }
  for (const double d : differences) squares += (d - (nll_q - nll_p)) * (d - (nll_q - nll_p));
  EXPECT_EQ(quality.tokens, 5);
  EXPECT_NEAR(quality.nll_reference, nll_p, 1e-9);
  EXPECT_NEAR(quality.nll, nll_q, 1e-9);
  EXPECT_NEAR(quality.nll_difference, nll_q - nll_p, 1e-9);
  EXPECT_NEAR(quality.nll_difference_se, std::sqrt(squares / 4 / 5), 1e-9);
  EXPECT_NEAR(quality.kl, kl, 1e-9);
  EXPECT_GT(quality.kl, 0);
  EXPECT_NEAR(quality.argmax_equal, equal, 1e-9);
}

TEST(Quality, ALargePerturbationIsSeen) {
  const HashModel model({.seed = 5, .vocab = 11});
  const Changed reversed(model, [](float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = -x[i];
  });
  const Quality quality = compare_quality(model, reversed, texts());
  EXPECT_GT(quality.kl, 0.5);
  EXPECT_LT(quality.argmax_equal, 0.1);
}

TEST(Quality, NothingToCompareTooLongAndNaN) {
  const HashModel model({.seed = 5, .vocab = 11});
  EXPECT_THROW(compare_quality(model, model, {{1}}), Error);
  EXPECT_THROW(compare_quality(model, model, {}), Error);
  EXPECT_TRUE(std::isnan(compare_quality(model, model, {{1, 2}}).nll_difference_se));
  const Changed brief(
      model, [](float*, int64_t) {}, 4);
  try {
    compare_quality(model, brief, {{1, 2, 3, 4, 5}});
    FAIL() << "five tokens in a context of four";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("a text of 5 tokens is longer than the model's context of 4"));
  }
  const Changed broken(model, [](float* x, int64_t) { x[3] = std::numeric_limits<float>::quiet_NaN(); });
  EXPECT_THROW(compare_quality(model, broken, {{1, 2, 3}}), NumericError);
}

TEST(Quality, WindowsCoverATextOnce) {
  EXPECT_THAT(windows({1, 2, 3, 4, 5}, 2), ElementsAre(Prefix{1, 2}, Prefix{3, 4}, Prefix{5}));
  EXPECT_THAT(windows({1, 2}, 2), ElementsAre(Prefix{1, 2}));
  EXPECT_TRUE(windows({}, 2).empty());
}

}  // namespace
}  // namespace specula
