// What objectives compute: gradients by finite differences, minima at q = p, parts of a batch against the whole, and
// the validation acceptance against its definition.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>

#include <cmath>

#include "framework/core/keyring.h"
#include "framework/train/acceptance.h"
#include "framework/train/divergence.h"
#include "framework/train/row_chunks.h"
#include "framework/train/token_batches.h"

namespace specula::testing {
namespace {

constexpr int64_t kRows = 3, kVocab = 7;

// [R,V] float64, fixed.
Tensor numbers(int64_t stream) {
  const Keyring keys(5);
  Tensor tensor = at::empty({kRows, kVocab}, at::kDouble);
  for (int64_t i = 0; i < tensor.numel(); ++i)
    tensor.mutable_data_ptr<double>()[i] = 4 * keys.uniform(Use::kSearch, stream, i, 0) - 2;
  return tensor;
}

double loss_at(Divergence which, const Tensor& log_p, const Tensor& logits) {
  return divergence(which, log_p, at::log_softmax(logits, -1), 0.3).item<double>();
}

Tensor gradient_at(Divergence which, const Tensor& log_p, const Tensor& logits) {
  const Tensor leaf = logits.clone().requires_grad_();
  divergence(which, log_p, at::log_softmax(leaf, -1), 0.3).backward();
  return leaf.grad();
}

// (f(x + h) - f(x - h)) / 2h, number by number.
Tensor differences(const std::function<double(const Tensor&)>& f, const Tensor& at) {
  constexpr double kStep = 1e-5;
  Tensor slopes = at::empty_like(at);
  for (int64_t i = 0; i < at.numel(); ++i) {
    Tensor above = at.clone(), below = at.clone();
    above.mutable_data_ptr<double>()[i] += kStep;
    below.mutable_data_ptr<double>()[i] -= kStep;
    slopes.mutable_data_ptr<double>()[i] = (f(above) - f(below)) / (2 * kStep);
  }
  return slopes;
}

double largest(const Tensor& difference) { return difference.abs().max().item<double>(); }

class Divergences : public ::testing::TestWithParam<std::string> {
 protected:
  Divergence which_ = parse_divergence(GetParam());
  Tensor log_p_ = at::log_softmax(numbers(1), -1), logits_ = numbers(2);
};

TEST_P(Divergences, GradientIsThatOfFiniteDifferences) {
  if (which_ == Divergence::kTvdPlus || which_ == Divergence::kLkLambda) return;  // not of its value, see below
  const auto loss = [&](const Tensor& logits) { return loss_at(which_, log_p_, logits); };
  const Tensor gradient = gradient_at(which_, log_p_, logits_);
  EXPECT_LT(largest(gradient - differences(loss, logits_)), 1e-8);
  EXPECT_GT(largest(gradient), 1e-3);
}

TEST_P(Divergences, IsSmallestWhereTheDraftIsTheTarget) {
  const Tensor gradient = gradient_at(which_, log_p_, log_p_);
  if (which_ == Divergence::kTvd) {  // has a corner there
    EXPECT_EQ(loss_at(which_, log_p_, log_p_), 0);
  } else {
    EXPECT_LT(largest(gradient), 1e-12);
  }
  if (which_ == Divergence::kTvdPlus) return;  // its value says nothing
  EXPECT_NEAR(loss_at(which_, log_p_, log_p_), 0, 1e-12);
  for (int64_t stream = 10; stream < 30; ++stream)
    EXPECT_GT(loss_at(which_, log_p_, log_p_ + 0.1 * numbers(stream)), 1e-6) << stream;
}

// A step against the gradient makes the total variation smaller, whatever the loss.
TEST_P(Divergences, LeadTowardsTheTarget) {
  Tensor logits = logits_.clone();
  const double before = loss_at(Divergence::kTvd, log_p_, logits);
  for (int i = 0; i < 200; ++i) logits = logits - 0.3 * gradient_at(which_, log_p_, logits);
  EXPECT_LT(loss_at(Divergence::kTvd, log_p_, logits), 0.5 * before);
}

INSTANTIATE_TEST_SUITE_P(All, Divergences, ::testing::ValuesIn(divergence_names()),
                         [](const auto& test) { return test.param == "tvd++" ? std::string("tvd_plus") : test.param; });

TEST(DivergenceOf, TvdPlusHasTheGradientOfItsAdvantages) {
  const Tensor log_p = at::log_softmax(numbers(1), -1), logits = numbers(2), log_q = at::log_softmax(logits, -1);
  const Tensor q = log_q.exp(), reward = (log_p > log_q).to(at::kDouble);
  const double mean = (q * reward).sum().item<double>() / static_cast<double>(kRows);
  const Tensor advantage = (reward - mean) / std::sqrt(mean * (1 - mean));
  const auto surrogate = [&](const Tensor& x) { return -(advantage * at::softmax(x, -1)).sum().item<double>(); };
  EXPECT_LT(largest(gradient_at(Divergence::kTvdPlus, log_p, logits) - differences(surrogate, logits)), 1e-8);
}

TEST(DivergenceOf, LkLambdaHasTheGradientAtItsWeights) {
  const Tensor log_p = at::log_softmax(numbers(1), -1), logits = numbers(2);
  const Tensor p = log_p.exp(), alpha = at::minimum(p, at::softmax(logits, -1)).sum(-1, true), w = (alpha * -3).exp();
  const auto surrogate = [&](const Tensor& x) {
    const Tensor log_q = at::log_softmax(x, -1);
    return (w * p * (log_p - log_q) + (1 - w) * (p - log_q.exp()).abs() / 2).sum().item<double>();
  };
  EXPECT_NEAR(loss_at(Divergence::kLkLambda, log_p, logits), surrogate(logits), 1e-12);
  EXPECT_LT(largest(gradient_at(Divergence::kLkLambda, log_p, logits) - differences(surrogate, logits)), 1e-8);
}

TEST(DivergenceOf, LkAlphaIsTheSurpriseOfAcceptance) {
  const auto logs = [](const std::vector<double>& p) { return at::tensor(p).to(at::kDouble).log().view({2, 3}); };
  const Tensor log_p = logs({.5, .3, .2, .1, .1, .8}), log_q = logs({.2, .7, .1, .1, .2, .7});
  EXPECT_NEAR(divergence(Divergence::kLkAlpha, log_p, log_q, 0).item<double>(), -std::log(.6) - std::log(.9), 1e-7);
}

TEST(DivergenceOf, UnknownNamesAreRefused) {
  EXPECT_THAT([] { parse_divergence("forward_lk"); },
              ::testing::ThrowsMessage<ConfigError>(::testing::HasSubstr("did you mean 'forward_kl'?")));
}

TEST(RowChunks, PartsGiveTheGradientsOfTheWhole) {
  const Tensor input = numbers(3).to(at::kFloat), weight = numbers(4).to(at::kFloat);
  const auto gradients = [&](int64_t chunk) {
    const Tensor x = input.clone().requires_grad_(), w = weight.clone().requires_grad_();
    const double sum = sum_in_chunks(x.tanh(), chunk, [&](const Tensor& rows, int64_t first) {
      EXPECT_EQ(rows.size(0), std::min(chunk, kRows - first));
      return at::linear(rows, w).pow(2).sum();
    });
    return std::make_tuple(sum, x.grad(), w.grad());
  };
  const auto [whole, whole_x, whole_w] = gradients(kRows);
  const auto [parts, parts_x, parts_w] = gradients(2);
  EXPECT_NEAR(parts, whole, 1e-5 * whole);
  EXPECT_LT(largest(parts_x - whole_x), 1e-5);
  EXPECT_LT(largest(parts_w - whole_w), 1e-5);
  EXPECT_GT(largest(whole_x), 0);
}

TEST(RowChunks, ALargeVocabularyHasFewRows) {
  EXPECT_EQ(rows_of_chunk(int64_t{1} << 40), 1);
  EXPECT_LE(rows_of_chunk(128000) * 128000 * 4, int64_t{64} << 20);
}

// Two texts of three positions, by hand.
TEST(AcceptanceOfText, IsThatOfTheDefinition) {
  const Tensor p = at::tensor({0.5, 0.5, 0.9, 0.1, 0.2, 0.8}, at::kDouble).view({3, 2});
  const Tensor q = at::tensor({0.25, 0.75, 0.5, 0.5, 0.1, 0.9}, at::kDouble).view({3, 2});
  Acceptance acceptance(2);
  acceptance.add(p.log(), q.log(), at::tensor({0, 0, 1}, at::kLong));
  acceptance.add(p.log(), p.log(), at::tensor({0, 0, 1}, at::kLong));
  const Figures figures = acceptance.figures(2);
  EXPECT_NEAR(figure(figures, "overlap"), (0.75 + 0.6 + 0.9 + 3) / 6, 1e-12);
  // Rounds begin at positions 0 and 1; the text's tokens have q/p = 0.5 and 5/9.
  const double first = 0.75 + 0.5 * 0.6, second = 0.6 + 5.0 / 9 * 0.9;
  EXPECT_NEAR(figure(figures, "accepted_t1"), (first + second + 2 + 2) / 4, 1e-12);
  // Ties go to the lowest token: rows 0 and 1 of p choose 0 and 0, those of q 1 and 0.
  EXPECT_NEAR(figure(figures, "agreement"), (0 + 1 + 1 + 3) / 6.0, 1e-6);
  EXPECT_NEAR(figure(figures, "accepted_t0"), (0 + 2 + 2 + 2) / 4.0, 1e-6);
}

TEST(TokenOrder, EveryRowHasItsTurnBeforeOneComesTwice) {
  for (const int64_t count : {1, 2, 7, 64, 1000}) {
    std::vector<int64_t> all;
    for (int64_t i = 0; i < count; ++i) all.push_back(shuffled(i, count, Keyring(3), 9));
    std::sort(all.begin(), all.end());
    for (int64_t i = 0; i < count; ++i) ASSERT_EQ(all[static_cast<size_t>(i)], i);
  }
}

std::vector<Token> counting(Token first, int64_t count) {
  std::vector<Token> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(first + static_cast<Token>(i));
  return ids;
}

TEST(TokenOrder, IsAFunctionOfSeedAndNumberAndFollowsTheWeights) {
  const TokenBatches batches({{"a", 3, counting(0, 500)}, {"b", 1, counting(10000, 500)}}, 10, 8, 1);
  const Tensor all = batches.rows(0, 800);
  EXPECT_TRUE(at::equal(batches.rows(37, 5), all.narrow(0, 37, 5)));
  EXPECT_TRUE(at::equal(all.narrow(1, 1, 10) - all.narrow(1, 0, 10), at::ones({800, 10}, at::kLong))) << "one text";
  EXPECT_NEAR((all.select(1, 0) >= 10000).sum().item<int64_t>(), 200, 40);
  const TokenBatches others({{"a", 3, counting(0, 500)}, {"b", 1, counting(10000, 500)}}, 10, 8, 2);
  EXPECT_FALSE(at::equal(others.rows(0, 800), all));
}

TEST(TokenOrder, TooShortACorpusIsRefusedWithItsNumbers) {
  EXPECT_THAT(
      [] {
        TokenBatches({{"a", 1, counting(0, 50)}}, 10, 5, 1);
      },
      ::testing::ThrowsMessage<ConfigError>("the corpus is shorter than one batch: 50 tokens are 4 rows of 10; a "
                                            "step takes 5 (batch.sequences times batch.accumulate)"));
  EXPECT_THAT(
      [] {
        TokenBatches({{"a", 1, counting(0, 5)}}, 10, 1, 1);
      },
      ::testing::ThrowsMessage<ConfigError>(::testing::HasSubstr("[sources.a] has 5 tokens")));
}

}  // namespace
}  // namespace specula::testing
