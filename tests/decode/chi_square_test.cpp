// The instruments of `specula verify` alone: tails, tests, their power, bounds; faults planted into rules.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "framework/certify/chi_square.h"
#include "framework/certify/memo_model.h"
#include "framework/certify/planted.h"
#include "framework/certify/toy.h"
#include "framework/decode/rows.h"
#include "verifiers/agreement.h"
#include "verifiers/greedy_match.h"
#include "verifiers/rejection.h"

namespace specula::testing {
namespace {

TEST(ChiSquare, TailsAreThoseOfTheTables) {
  // R 4.2: pchisq(c(3.841459, 18.30704, 300, 500), c(1, 10, 250, 250), lower.tail = FALSE), and exp(-x/2) for 2 degrees
  EXPECT_NEAR(chi_square_tail(3.841459, 1), 0.05, 1e-7);
  EXPECT_NEAR(chi_square_tail(18.30704, 10), 0.05, 1e-7);
  for (const double x : {0.5, 3.0, 40.0, 200.0}) EXPECT_NEAR(chi_square_tail(x, 2) / std::exp(-x / 2), 1, 1e-10) << x;
  // Q(a+1,x) = Q(a,x) + x^a e^-x / Gamma(a+1) (DLMF 8.8.6), where series and continued fraction meet
  for (const double x : {90.0, 100.9, 101.1, 130.0}) {
    const double step = std::exp(100 * std::log(x) - x - std::lgamma(101.0));
    EXPECT_NEAR(upper_incomplete_gamma(101, x) - upper_incomplete_gamma(100, x), step, 1e-12) << x;
  }
  for (const int degrees : {1, 7, 400}) {
    EXPECT_NEAR(chi_square_tail(chi_square_critical(1e-6, degrees), degrees) / 1e-6, 1, 1e-6) << degrees;
  }
}

// A law of `size` tokens with a tail, as a language model's.
std::vector<double> zipf(int size) {
  std::vector<double> law;
  for (int x = 0; x < size; ++x) law.push_back(1.0 / (x + 2));
  const double sum = std::accumulate(law.begin(), law.end(), 0.0);
  for (double& mass : law) mass /= sum;
  return law;
}

std::vector<int64_t> draws_of(const std::vector<double>& law, int64_t n, uint64_t seed) {
  const Keyring keys(seed);
  std::vector<double> edges(law.size());
  std::partial_sum(law.begin(), law.end(), edges.begin());
  std::vector<int64_t> counts(law.size());
  for (int64_t i = 0; i < n; ++i) {
    const double u = keys.uniform(Use::kTarget, i, 0, 0) * edges.back();
    const auto at = std::upper_bound(edges.begin(), edges.end(), u) - edges.begin();
    ++counts[std::min(static_cast<size_t>(at), law.size() - 1)];
  }
  return counts;
}

TEST(ChiSquare, PassesTheLawAndFindsATotalVariationOfOneInAHundred) {
  const std::vector<double> law = zipf(400);
  EXPECT_GT(chi_square(draws_of(law, 200000, 3), law).p, 1e-4);
  std::vector<double> faulty = law;  // one likely token takes a hundredth from the others
  for (double& mass : faulty) mass *= 1 - 0.01 / (1 - law[3]);
  faulty[3] = law[3] + 0.01;
  EXPECT_NEAR(total_variation(std::span<const double>(faulty), law), 0.01, 1e-9);
  EXPECT_LT(chi_square(draws_of(faulty, 200000, 3), law).p, 1e-9);
}

TEST(ChiSquare, ItsPowerIsTheOneThatItStates) {
  constexpr int64_t kDraws = 20000;
  constexpr double kLevel = 1e-6;
  const std::vector<double> law = zipf(50);
  const double tv = detectable_tv(kDraws, 49, kLevel);
  std::vector<double> worst = law;  // half of the mass rises: the form that is hardest to find
  double raised = 0;
  size_t last = 0;
  for (; raised < 0.5; ++last) raised += law[last];
  for (size_t x = 0; x < law.size(); ++x) worst[x] *= x < last ? 1 + tv / raised : 1 - tv / (1 - raised);
  int found = 0;
  for (uint64_t seed = 0; seed < 200; ++seed)
    found += chi_square(draws_of(worst, kDraws, seed), law).p < kLevel ? 1 : 0;
  EXPECT_GE(found, 164) << "of 200; 180 are meant, 164 is 3.8 deviations below";
  EXPECT_LE(found, 198);
}

TEST(ChiSquare, RareTokensShareCellsAndImpossibleOnesAreFatal) {
  const std::vector<double> law = {0.9, 0.04, 0.03, 0.02, 0.01, 0};
  EXPECT_EQ(chi_square(std::vector<int64_t>{90, 4, 3, 2, 1, 0}, law).degrees, 1);  // 90 and 4+3+2+1
  EXPECT_EQ(chi_square(std::vector<int64_t>{900, 40, 30, 20, 10, 0}, law).degrees, 4);
  EXPECT_EQ(chi_square(std::vector<int64_t>{900, 40, 30, 20, 9, 1}, law).p, 0);
  EXPECT_EQ(chi_square(std::vector<int64_t>{1000, 0}, std::vector<double>{1, 0}).p, 1);
}

TEST(TotalVariationBounds, HoldAndTheHeldOutOneDoesNotGrowWithTheVocabulary) {
  const std::vector<double> law = zipf(2000);
  std::vector<double> faulty = law;
  for (double& mass : faulty) mass *= 0.8;
  faulty[0] += 0.2;
  const double true_tv = total_variation(std::span<const double>(faulty), law);
  const auto first = draws_of(faulty, 5000, 1), second = draws_of(faulty, 5000, 2), fair = draws_of(law, 5000, 4);
  const auto real = [](const std::vector<int64_t>& counts) {
    return std::vector<double>(counts.begin(), counts.end());
  };
  const double empirical = total_variation(std::span<const double>(real(first)), law);
  EXPECT_GT(empirical, true_tv + 0.05) << "a plain one is too large";
  EXPECT_GT(tv_upper_bound(empirical, 5000, 0.01), true_tv);
  const double held_out = held_out_tv(real(first), real(second), law);
  EXPECT_GT(held_out, true_tv / 2);
  EXPECT_LT(held_out, true_tv + 0.02) << "its mean is not above the true one";
  EXPECT_LT(held_out_tv(real(fair), real(draws_of(law, 5000, 5)), law), 0.03);
  EXPECT_EQ(kl_divergence(law, law), 0);
  EXPECT_NEAR(kl_divergence(std::vector<double>{1, 0}, std::vector<double>{0.5, 0.5}), std::log(2.0), 1e-12);
  EXPECT_TRUE(std::isinf(kl_divergence(std::vector<double>{0.5, 0.5}, std::vector<double>{1, 0})));
}

std::unique_ptr<Verifier> rule(const Registry<Verifier>::Entry& entry) {
  return entry.make({.place = "test", .values = parse_call(entry.name, "test")}, {});
}

TEST(PlantedFaults, EachIsRefutedByTheToyAndTheSoundRuleIsNot) {
  const Sampler sampler;
  const Toy toy(3, 5, sampler);  // with three tokens a residual has often only one
  const Shape chain{"chain", {0, 1}, {Draw::kIid, Draw::kIid}};
  EXPECT_LT(error_of(toy, *rule(rejection()), chain, 3), 5e-6);
  for (const std::string& name : planted_fault_names()) {
    EXPECT_GT(error_of(toy, *plant(rule(rejection()), parse_planted_fault(name, "test")), chain, 3), 5e-3) << name;
  }
  // What tosses no coin is touched where rows of p are.
  EXPECT_LT(error_of(toy, *plant(rule(agreement()), PlantedFault::kLenientCoin), chain, 3), 5e-6);
  EXPECT_GT(error_of(toy, *plant(rule(agreement()), PlantedFault::kRawBonus), chain, 3), 1e-3);
  EXPECT_GT(error_of(toy, *plant(rule(greedy_match()), PlantedFault::kWrongRow), chain, 3), 1e-3);
  EXPECT_THROW(parse_planted_fault("redrew", "--plant"), ConfigError);
}

TEST(MemoModel, GivesTheModelsRowsAndAsksForEachOnce) {
  const HashModel model({.seed = 4, .vocab = 5});
  const Prefix base = {1, 2};
  for (const size_t bytes : {size_t{1} << 20, size_t{0}}) {  // room for all, for none
    const MemoModel memo(model, base, bytes);
    for (int again = 0; again < 2; ++again) {
      const auto cache = memo.new_cache(1, 8);
      memo.forward(make_rows({RowList::chain(base)}), *cache, {.logits = Logits::kNone});
      cache->commit(0, first_slots(2));
      const RowList tree{.token = {3, 0, 4, 1}, .parent = {-1, 0, 0, 2}};
      const Tensor logits = memo.forward(make_rows({tree}), *cache, {.logits = Logits::kAll}).logits;
      const std::vector<Prefix> texts = {{1, 2, 3}, {1, 2, 3, 0}, {1, 2, 3, 4}, {1, 2, 3, 4, 1}};
      for (size_t row = 0; row < texts.size(); ++row) {
        const std::vector<float> expected = model.logits(texts[row]);
        const float* found = logits.const_data_ptr<float>() + row * 5;
        EXPECT_EQ(std::vector<float>(found, found + 5), expected) << row;
      }
      const int kept[] = {0, 2};
      cache->commit(0, kept);
      const Tensor last =
          memo.forward(make_rows({RowList::chain(std::vector<Token>{1})}), *cache, {.logits = Logits::kLast}).logits;
      EXPECT_EQ(last.const_data_ptr<float>()[2], model.logits({1, 2, 3, 4, 1})[2]);
    }
    EXPECT_EQ(memo.computed() == 4, bytes > 0);
  }
}

}  // namespace
}  // namespace specula::testing
