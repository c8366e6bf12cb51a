// `optimal` accepts what the theorem of optimal transport allows and no rule of one position accepts more.
#include <gtest/gtest.h>

#include <cmath>

#include "framework/decode/compose.h"
#include "tests/decode/rule_support.h"
#include "verifiers/optimal.h"

namespace specula::testing {
namespace {

constexpr double kExact = 2e-6;  // p and q are float32
const Draw I = Draw::kIid, W = Draw::kWithoutReplacement;
const std::string kOptimal = "optimal(siblings=3)";

double mass_in(const Row& law, size_t set) {
  double sum = 0;
  for (size_t x = 0; x < law.size(); ++x) sum += (set >> x & 1) != 0 ? law[x] : 0;
  return sum;
}

// P(k tokens drawn one after the other all lie in the set), by every ordered tuple.
double all_in(const Row& q, size_t set, int k, Draw draw, size_t drawn = 0) {
  if (k == 0) return 1;
  const double whole = draw == W ? 1 - mass_in(q, drawn) : 1;
  double sum = 0;
  for (size_t x = 0; x < q.size(); ++x) {
    if ((set >> x & 1) == 0 || (draw == W && (drawn >> x & 1) != 0)) continue;
    sum += q[x] / whole * all_in(q, set, k - 1, draw, drawn | size_t{1} << x);
  }
  return sum;
}

// Sun et al. 2023: the smallest cut, min over S of p(S) + 1 - P(all siblings in S); for i.i.d. ones 1 - q(S)^k.
double best_possible(const Row& p, const Row& q, int k, Draw draw) {
  double least = 1;
  for (size_t set = 0; set < size_t{1} << p.size(); ++set)
    least = std::min(least, mass_in(p, set) + 1 - all_in(q, set, k, draw));
  return least;
}

TEST(Optimal, AcceptsTheSmallestCut) {
  for (const Draw draw : {I, W}) {
    for (const int64_t vocab : {3, 4, 6}) {
      for (int k = 1; k <= 3; ++k) {
        for (uint64_t seed = 0; seed < 8; ++seed) {
          const Row p = random_law(seed, vocab, 3), q = random_law(seed + 77, vocab, 3);
          EXPECT_NEAR(mean_accepted(*rule_named(kOptimal), drafts_of(p, q, siblings_of(k, draw))),
                      best_possible(p, q, k, draw), kExact)
              << name_of(draw) << " V " << vocab << " k " << k << " seed " << seed;
        }
      }
    }
  }
}

TEST(Optimal, TheCutOfIidSiblingsIsTheFormulaOfThePaper) {
  const Row p = random_law(1, 5), q = random_law(2, 5);
  for (size_t set = 0; set < 32; ++set) EXPECT_NEAR(all_in(q, set, 3, I), std::pow(mass_in(q, set), 3), 1e-12);
}

TEST(Optimal, NoRuleOfOnePositionAcceptsMoreAndKSeqAcceptsItsShare) {
  double missed = 0;  // by k-SEQ
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Row p = random_law(seed, 4, 3), q = random_law(seed + 500, 4, 3);
    for (int k = 1; k <= 3; ++k) {
      const double iid = best_possible(p, q, k, I), without = best_possible(p, q, k, W);
      const auto drafts = drafts_of(p, q, siblings_of(k, I)), others = drafts_of(p, q, siblings_of(k, W));
      const double by_kseq = mean_accepted(*rule_named("kseq"), drafts);
      EXPECT_LE(by_kseq, iid + kExact);
      EXPECT_GE(by_kseq, (1 - std::exp(-1.0)) * iid - kExact) << "Sun et al. 2023, theorem 3";
      missed += iid - by_kseq;
      for (const char* rule : {"rejection", "traversal"}) {
        EXPECT_LE(mean_accepted(*rule_named(rule), drafts), iid + kExact) << rule;
        EXPECT_LE(mean_accepted(*rule_named(rule), others), without + kExact) << rule;
      }
    }
  }
  EXPECT_GT(missed, .2) << "a formula that k-SEQ reaches everywhere would say nothing of `optimal`";
}

// The conformance test takes the rule as it is by default, on chains.
TEST(Optimal, WholeTextsAreExactOnEveryTree) {
  const auto rule = rule_named(kOptimal);
  Sampler plain;
  const Toy toy(3, 3, plain);
  for (const Shape& shape : shapes_of({I, W}, true)) EXPECT_LT(error_of(toy, *rule, shape, 3), kExact) << shape.name;
}

TEST(Optimal, RefusesWhatItCannotSolve) {
  const auto trees = [](int k, int64_t vocab) {
    return drafts_of(random_law(1, vocab), random_law(2, vocab), siblings_of(k, I)).front();
  };
  EXPECT_NO_THROW(accepted(*rule_named(kOptimal), trees(3, 8)));
  EXPECT_NO_THROW(accepted(*rule_named("optimal"), trees(1, 40)));
  EXPECT_THROW(accepted(*rule_named(kOptimal), trees(4, 4)), Error);
  EXPECT_THROW(accepted(*rule_named("optimal"), trees(2, 4)), Error);
  try {
    accepted(*rule_named(kOptimal), trees(2, 9));
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "[verifier optimal] 2 siblings on a vocabulary of 9 tokens: it takes siblings = 3, at most 3, on at "
                 "most 8 tokens; take 'rejection', 'traversal' or 'kseq'");
  }
}

TEST(Optimal, TakesTreesOnlyWhereItWasToldTo) {
  const auto trees = [](const std::string& call) {
    return optimal().facts({.place = "test", .values = parse_call(call, "test")}, Policy::kSampled).trees;
  };
  EXPECT_FALSE(trees("optimal"));
  EXPECT_TRUE(trees(kOptimal));
}

}  // namespace
}  // namespace specula::testing
