// Each logits processor against a naive reference, and what must hold of all of them.
#include "framework/decode/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "framework/decode/probability.h"
#include "tests/decode/sampler_support.h"

namespace specula::testing {
namespace {

using Row = LogitRow;

std::vector<double> softmax(const std::vector<double>& logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  for (const double x : logits) p.push_back(std::exp(x - top));
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& v : p) v /= sum;
  return p;
}

// The ids that stay, by a full sort: the naive reference of the cutting processors.
std::vector<size_t> by_likelihood(const Row& logits) {
  std::vector<size_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  return ids;
}

void expect_kept(const Row& p, const Row& logits, const std::set<size_t>& kept) {
  std::vector<double> masked(logits.begin(), logits.end());
  for (size_t x = 0; x < masked.size(); ++x) {
    if (!kept.contains(x)) masked[x] = -std::numeric_limits<double>::infinity();
  }
  const std::vector<double> expected = softmax(masked);
  for (size_t x = 0; x < p.size(); ++x) {
    EXPECT_NEAR(p[x], expected[x], 1e-6) << "token " << x;
    EXPECT_EQ(p[x] == 0, expected[x] == 0) << "token " << x;
  }
}

const std::vector<int64_t> kVocabularies = {1, 2, 7, 63, 64, 65, 1000, 4099};

TEST(Samplers, NoPolicyIsSoftmax) {
  for (const int64_t vocab : kVocabularies) {
    const Row logits = random_row(vocab, 1);
    std::set<size_t> all;
    for (size_t x = 0; x < logits.size(); ++x) all.insert(x);
    expect_kept(policed("", logits), logits, all);
  }
}

TEST(Samplers, TemperatureDividesTheLogits) {
  Row logits = random_row(333, 2);
  const Row p = policed("temperature(0.5)", logits);
  for (float& x : logits) x *= 2;
  const Row expected = policed("", logits);
  for (size_t x = 0; x < p.size(); ++x) EXPECT_FLOAT_EQ(p[x], expected[x]);
}

TEST(Samplers, TemperatureZeroIsOneHotAndTheLowestIdWinsTies) {
  for (const int64_t vocab : kVocabularies) {
    Row logits = random_row(vocab, 3);
    const float top = *std::max_element(logits.begin(), logits.end());
    logits.back() = top;  // a tie with the last token
    const Row p = policed("temperature(0)", logits);
    const auto first = std::find(logits.begin(), logits.end(), top) - logits.begin();
    for (size_t x = 0; x < p.size(); ++x) EXPECT_EQ(p[x], static_cast<int64_t>(x) == first ? 1.0F : 0.0F);
  }
  EXPECT_EQ(policed("temperature(0)", Row(9, 0.25F))[0], 1.0F) << "all equal: token 0";
}

TEST(Samplers, TopKKeepsTheKMostLikely) {
  for (const int64_t vocab : kVocabularies) {
    for (const int64_t k : {1, 3, 50, 5000}) {
      const Row logits = random_row(vocab, 4);
      const auto ids = by_likelihood(logits);
      expect_kept(policed(cat("top_k(", k, ")"), logits), logits,
                  {ids.begin(), ids.begin() + std::min<int64_t>(k, vocab)});
    }
  }
}

TEST(Samplers, TopPKeepsTheSmallestSetThatReachesP) {
  for (const int64_t vocab : kVocabularies) {
    for (const double mass : {0.0, 0.1, 0.5, 0.9, 0.999, 1.0}) {
      for (const double spread : {0.01, 3.0, 12.0}) {
        const Row logits = random_row(vocab, 5, spread);
        const std::vector<double> p = softmax({logits.begin(), logits.end()});
        std::set<size_t> kept;
        double reached = 0;
        for (const size_t x : by_likelihood(logits)) {
          if (!kept.empty() && reached >= mass && mass < 1) break;
          kept.insert(x);
          reached += p[x];
          if (std::abs(reached - mass) < 1e-5 && mass < 1)
            kept.clear();  // float32 may see the edge otherwise: not a case
          if (kept.empty()) break;
        }
        if (!kept.empty()) expect_kept(policed(cat("top_p(", mass, ")"), logits), logits, kept);
      }
    }
  }
}

TEST(Samplers, MinPKeepsWhatIsLikelyEnough) {
  for (const double share : {0.0, 0.05, 0.5, 1.0}) {
    const Row logits = random_row(777, 6);
    const std::vector<double> p = softmax({logits.begin(), logits.end()});
    const double top = *std::max_element(p.begin(), p.end());
    std::set<size_t> kept;
    for (size_t x = 0; x < p.size(); ++x) {
      if (p[x] >= share * top * (1 - 1e-6)) kept.insert(x);
    }
    expect_kept(policed(cat("min_p(", share, ")"), logits), logits, kept);
  }
}

TEST(Samplers, RepetitionPenaltySeesTheRowsOwnPathOnly) {
  // prefix 5 5 2; below the root 2: row 1 = 3, row 2 = 4 (its sibling), row 3 = 1 under row 1.
  DraftTree tree = DraftTree::chain_of_points(2, {3});
  tree.add(4, 0, Draw::kPoint);
  tree.add(1, 1, Draw::kPoint);
  const std::vector<std::set<Token>> seen = {{5, 2}, {5, 2, 3}, {5, 2, 4}, {5, 2, 3, 1}};
  std::vector<Row> logits;
  for (uint64_t r = 0; r < 4; ++r) logits.push_back(random_row(7, 20 + r));
  const std::vector<Row> p = policed("repetition_penalty(1.7)", logits, {.prefix = {5, 5, 2}, .tree = tree});
  for (size_t r = 0; r < 4; ++r) {
    std::vector<double> expected(logits[r].begin(), logits[r].end());
    for (const Token t : seen[r]) expected[t] = expected[t] > 0 ? expected[t] / 1.7 : expected[t] * 1.7;
    expected = softmax(expected);
    for (size_t x = 0; x < expected.size(); ++x)
      EXPECT_NEAR(p[r][x], expected[x], 1e-6) << "row " << r << " token " << x;
  }
}

TEST(Samplers, NaNIsAnErrorThatNamesRequestAndPosition) {
  Row bad = random_row(100, 7);
  bad[63] = std::numeric_limits<float>::quiet_NaN();
  for (const char* policy : {"", "temperature(0)", "top_k(2)"}) {
    try {
      policed(policy, {random_row(100, 8), bad}, {.prefix = {1, 2, 3}, .tree = DraftTree::chain_of_points(3, {4})});
      ADD_FAILURE() << policy;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("position 4 of request 42"), std::string::npos) << e.what();
    }
  }
  EXPECT_THROW(policed("", Row(5, -std::numeric_limits<float>::infinity())), Error);
  EXPECT_THROW(policed("", Row(5, std::numeric_limits<float>::infinity())), Error);
}

TEST(Pick, NeverTakesATokenWithoutMassAndFollowsTheLaw) {
  for (const int64_t vocab : {3, 64, 65, 500}) {
    Row p(vocab, 0.0F);
    p[vocab / 2] = 0.25F;
    p[vocab - 1] = 0.75F;
    if (vocab == 3) p = {0.0F, 0.25F, 0.75F};
    const auto first = static_cast<Token>(vocab == 3 ? 1 : vocab / 2), second = static_cast<Token>(vocab - 1);
    EXPECT_EQ(pick(p.data(), vocab, 0.0), first);
    EXPECT_EQ(pick(p.data(), vocab, 0.2499999), first);
    EXPECT_EQ(pick(p.data(), vocab, 0.25), second);
    EXPECT_EQ(pick(p.data(), vocab, std::nextafter(1.0, 0.0)), second);
  }
  const Row nothing(64, 0.0F);
  EXPECT_THROW(pick(nothing.data(), 64, 0.5), std::logic_error);
}

double chi_square(const Row& p, bool biased) {
  const Keyring keys(123);
  std::vector<double> counts(p.size());
  constexpr int kDraws = 40000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = keys.uniform(Use::kTarget, 0, i, 0);
    ++counts[pick(p.data(), static_cast<int64_t>(p.size()), biased ? u * u : u)];
  }
  double statistic = 0;
  for (size_t x = 0; x < p.size(); ++x)
    statistic += (counts[x] - kDraws * p[x]) * (counts[x] - kDraws * p[x]) / (kDraws * p[x]);
  return statistic;
}

TEST(Pick, ChiSquareAcceptsUniformsAndRejectsAPlantedBias) {
  const Row p = policed("", random_row(40, 9, 1));
  EXPECT_LT(chi_square(p, false), 87);  // chi-square, 39 degrees of freedom, p = 1e-5
  EXPECT_GT(chi_square(p, true), 170);  // the same at p < 1e-15
}

TEST(Residuals, KeepTheirLastValueWhenNothingIsLeft) {
  const Row p = {0.5F, 0.5F};
  Residual left(p.data(), 2);
  left.subtract(p.data(), 1, {});
  EXPECT_EQ(left.at(0), 0.5);
  left.remove(0);
  EXPECT_EQ(left.at(1), 1.0);
  left.remove(1);
  EXPECT_EQ(left.at(1), 1.0);
  EXPECT_EQ(left.draw(0.3), 1);
}

}  // namespace
}  // namespace specula::testing
