// What is particular to the exact rules of points, i.i.d. trees, blocks and traversals: the figures of their papers,
// which rule is never below which, and faults of their formulas that the exact law of whole texts must refute.  That
// each is exact on every shape is the conformance test's business.
#include <gtest/gtest.h>

#include <cmath>

#include "framework/certify/naive_rules.h"
#include "tests/decode/rule_support.h"

namespace specula::testing {
namespace {

constexpr double kExact = 2e-6;    // p and q are float32
constexpr double kRefuted = 5e-3;  // a planted fault must move at least this much mass
const Prefix kPrompt = {0, 1, 0};
const Draw P = Draw::kPoint, I = Draw::kIid, W = Draw::kWithoutReplacement;

// ---- the ratio test, and what equals it ----

// Leviathan et al. 2023: acceptance is 1 - TV (corollary 3.6), and tokens a round (1 - a^(g+1)) / (1 - a) (eq. 1).
TEST(RatioTest, GivesTheTokensOfLeviathansEquationOne) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Row p = random_law(seed, 3), q = random_law(seed + 100, 3);
    const double a = overlap_of(p, q);
    for (const char* rule : {"rejection", "kseq", "optimal"}) {
      for (int length = 1; length <= 4; ++length) {
        const double tokens = 1 + mean_accepted(*rule_named(rule), drafts_of(p, q, chain_of(length, I)));
        EXPECT_NEAR(tokens, (1 - std::pow(a, length + 1)) / (1 - a), kExact) << rule << " length " << length;
      }
    }
  }
}

TEST(DeltaTree, IsTheLawOfTheRatioTestOnPoints) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Sampler plain;
    const Toy toy(seed, 5, plain);
    for (const Shape& shape : shapes_of({P}, true)) {
      for (const Drafted& one : drafts_of(toy, kPrompt, shape))
        EXPECT_LT(difference(*rule_named("delta_tree"), *rule_named("rejection"), one), 1e-7) << shape.name;
    }
  }
}

TEST(DeltaTree, RefusesRowsThatWereDrawn) {
  const Drafted one = drafts_of({.5, .5}, {.5, .5}, shape_of({0}, I)).front();
  EXPECT_THROW(accepted(*rule_named("delta_tree"), one), std::logic_error);
}

// The longest path from the root that the target's most likely tokens walk, found by looking at every row.
TEST(GreedyTrees, AcceptTheLongestMatchingPath) {
  constexpr int64_t kVocab = 4;
  const Keyring noise(7);
  int longest = 0;
  for (int64_t trial = 0; trial < 300; ++trial) {
    DraftTree tree = DraftTree::root_only(0);
    const auto draw = [&](int64_t at, uint32_t which, int below) {
      return static_cast<int>(noise.uniform(Use::kSearch, trial, at, which) * below);
    };
    for (int i = 0; i < 20; ++i) {
      const int parent = draw(i, 1, tree.size());
      const Token token = draw(i, 2, kVocab);
      bool is_new = true;
      for (const int sibling : tree.children(parent)) is_new = is_new && tree.token[sibling] != token;
      if (is_new) tree.add(token, parent, P);
    }
    std::vector<Token> wanted;  // after each row
    for (int row = 0; row < tree.size(); ++row) wanted.push_back(draw(row, 0, kVocab));
    std::vector<Row> p;
    for (int row = 0; row < tree.size(); ++row) p.emplace_back(kVocab, 0.0)[wanted[row]] = 1;
    int best = 0;
    for (int row = 1; row < tree.size(); ++row) {
      bool matches = true;
      for (int up = row; up > 0; up = tree.parent[up]) matches = matches && wanted[tree.parent[up]] == tree.token[up];
      if (matches && tree.depth(row) > tree.depth(best)) best = row;
    }
    longest = std::max(longest, tree.depth(best));
    for (const char* rule : {"greedy_match", "delta_tree", "rejection", "traversal"}) {
      const Keyring keys(1);
      KeyedChance chance(keys, trial, 1);
      const Tensor rows = tensor_of(p);
      const Verdict verdict = rule_named(rule)->verify(tree, {.p = rows, .chance = chance});
      EXPECT_EQ(verdict.path.empty() ? 0 : verdict.path.back(), best) << rule;
      EXPECT_EQ(verdict.next, wanted[best]) << rule;
    }
  }
  EXPECT_GE(longest, 3);
}

// ---- k-SEQ ----

TEST(KSeq, IsTheRatioTestOnOneSiblingAndNeverBelowItOnMore) {
  const auto kseq = rule_named("kseq"), ratio = rule_named("rejection");
  double gained = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Row p = random_law(seed, 4), q = random_law(seed + 1000, 4);
    for (const Drafted& one : drafts_of(p, q, shape_of({0}, I))) EXPECT_LT(difference(*kseq, *ratio, one), kExact);
    for (const std::vector<int>& siblings : {std::vector<int>{0, 0}, {0, 0, 0}}) {
      const auto drafts = drafts_of(p, q, shape_of(siblings, I));
      const double more = mean_accepted(*kseq, drafts) - mean_accepted(*ratio, drafts);
      EXPECT_GT(more, -kExact) << "seed " << seed;
      gained += more;
    }
  }
  EXPECT_GT(gained, .5) << "where the two never differ this shows nothing";
}

TEST(KSeq, DoesWhatThePaperSays) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto drafts = drafts_of(random_law(seed, 3), random_law(seed + 50, 3), shape_of({0, 0, 1, 1, 1}, I));
    for (const Drafted& one : drafts) EXPECT_LT(difference(*rule_named("kseq"), NaiveKSeq(), one), kExact);
  }
}

TEST(KSeq, ARhoBelowTheSolutionIsRefuted) {
  const Sampler plain;
  const Toy toy(3, 3, plain);
  const Shape shape = shape_of({0, 0, 0}, I);
  EXPECT_LT(error_of(toy, NaiveKSeq(), shape, 2), kExact);
  EXPECT_LT(error_of(toy, NaiveKSeq(1.05), shape, 2), kExact) << "above it the rule is exact, and accepts less";
  EXPECT_GT(error_of(toy, NaiveKSeq(.9), shape, 2), kRefuted);
}

TEST(KSeq, RefusesSiblingsOfDifferentLaws) {
  Drafted one = drafts_of({.5, .5}, {.5, .5}, shape_of({0, 0}, I)).front();
  one.tree.q = tensor_of({{.5, .5}, {.4, .6}});
  one.tree.q_row[2] = 1;
  EXPECT_THROW(accepted(*rule_named("kseq"), one), std::logic_error);
  one.tree.q_row[2] = 0;
  EXPECT_NO_THROW(accepted(*rule_named("kseq"), one));
  one.tree.draw[2] = W;
  EXPECT_THROW(accepted(*rule_named("kseq"), one), std::logic_error);
}

// ---- block ----

// Sun et al. 2024, section 2: target (1/3, 2/3), draft (2/3, 1/3), two tokens: the ratio test accepts 10/9, block
// verification 11/9, and no rule that sees whole blocks more than 12/9.
TEST(Block, GivesTheFiguresOfThePapersExample) {
  const Row p = {1.0 / 3, 2.0 / 3}, q = {2.0 / 3, 1.0 / 3};
  const auto drafts = drafts_of(p, q, shape_of({0, 1}, I));
  EXPECT_NEAR(mean_accepted(*rule_named("rejection"), drafts), 10.0 / 9, kExact);
  EXPECT_NEAR(mean_accepted(*rule_named("block"), drafts), 11.0 / 9, kExact);
  double ideal = overlap_of(p, q);
  for (size_t x = 0; x < 2; ++x) {
    for (size_t y = 0; y < 2; ++y) ideal += std::min(p[x] * p[y], q[x] * q[y]);
  }
  EXPECT_NEAR(ideal, 12.0 / 9, 1e-12);
}

TEST(Block, IsTheRatioTestOnOneTokenAndTraversalOnEveryChain) {
  const Sampler plain;
  const auto block = rule_named("block");
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Toy toy(seed, 4, plain);
    for (const Shape& shape : shapes_of({I, P}, false)) {
      for (const Drafted& one : drafts_of(toy, kPrompt, shape)) {
        EXPECT_LT(difference(*block, *rule_named("traversal"), one), 1e-9) << shape.name;
        if (one.tree.size() > 2) continue;
        EXPECT_LT(difference(*block, *rule_named("rejection"), one), kExact) << shape.name;
      }
    }
  }
}

// A chain of up to five tokens after random p and q, drawn or points.
Drafted random_chain(uint64_t seed, int64_t vocab) {
  const Keyring noise(seed);
  const int length = 1 + static_cast<int>(5 * noise.uniform(Use::kSearch, 1, 0, 0));
  Drafted one{DraftTree::root_only(0), 1, {}};
  std::vector<Row> p{random_law(seed * 100, vocab)}, q;
  for (int row = 1; row <= length; ++row) {
    q.push_back(random_law(seed * 100 + 50 + static_cast<uint64_t>(row), vocab));
    double u = noise.uniform(Use::kSearch, 2, row, 0);
    Token x = 0;
    while (x + 1 < vocab && u >= q.back()[x]) u -= q.back()[x++];
    const bool is_point = noise.uniform(Use::kSearch, 3, row, 0) < .2;
    one.tree.add(x, row - 1, is_point ? P : I, is_point ? -1 : row - 1);
    p.push_back(random_law(seed * 100 + static_cast<uint64_t>(row), vocab));
  }
  one.tree.q = tensor_of(q);
  one.p = tensor_of(p);
  return one;
}

TEST(Block, IsNeverExpectedToAcceptLessThanTheRatioTest) {
  const auto block = rule_named("block"), ratio = rule_named("rejection");
  double gained = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    const Drafted one = random_chain(seed, 6);
    const double more = *block->expected_accepted(one.tree, one.p) - *ratio->expected_accepted(one.tree, one.p);
    EXPECT_GT(more, -1e-7) << "seed " << seed;
    gained += more;
  }
  EXPECT_GT(gained / 3000, .02);
}

TEST(Block, DoesWhatThePaperSays) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Sampler plain;
    const Toy toy(seed, 3, plain);
    for (const Drafted& one : drafts_of(toy, kPrompt, shape_of({0, 1, 2}, I)))
      EXPECT_LT(difference(*rule_named("block"), NaiveBlock(), one), kExact);
  }
}

// The residual differs only where two tokens are left, hence five tokens and several models.
TEST(Block, FaultsOfItsFormulaAreRefuted) {
  const Sampler plain;
  const Shape shape = shape_of({0, 1}, I);
  double coin = 0, residual = 0;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const Toy toy(seed, 5, plain);
    EXPECT_LT(error_of(toy, NaiveBlock(), shape, 2), kExact);
    coin = std::max(coin, error_of(toy, NaiveBlock(NaiveBlock::Fault::kCoinOfLast), shape, 2));
    residual = std::max(residual, error_of(toy, NaiveBlock(NaiveBlock::Fault::kResidualOfToken), shape, 2));
  }
  EXPECT_GT(coin, kRefuted);
  EXPECT_GT(residual, kRefuted);
}

// The last index is where this chain ends: padding it to a length that others reach is not the same rule.
TEST(Block, LooksPastProbesAndRefusesTrees) {
  Drafted one = random_chain(4, 6);
  const double before = accepted(*rule_named("block"), one);
  one.tree.add(3, 0, Draw::kProbe);
  std::vector<Row> p;
  for (int64_t row = 0; row < one.p.size(0); ++row)
    p.emplace_back(one.p.const_data_ptr<float>() + row * 6, one.p.const_data_ptr<float>() + (row + 1) * 6);
  p.push_back(random_law(1, 6));
  one.p = tensor_of(p);
  EXPECT_EQ(accepted(*rule_named("block"), one), before);
  one.tree.draw.back() = P;
  EXPECT_THROW(accepted(*rule_named("block"), one), std::logic_error);
}

// ---- traversal ----

const std::vector<std::pair<std::string, std::vector<int>>> kTrees = {
    {"1x1", {0, 1}}, {"2x1", {0, 0, 1, 2}}, {"1x2", {0, 1, 1}}, {"2x2", {0, 0, 1, 1, 2, 2}}};

TEST(Traversal, IsNeverBelowTheRatioTestOnDrawsWithoutReplacement) {
  const auto traversal = rule_named("traversal"), ratio = rule_named("rejection");
  const Sampler plain;
  for (const auto& [name, parents] : kTrees) {
    double gained = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const Toy toy(seed, 3, plain);
      const auto drafts = drafts_of(toy, kPrompt, shape_of(parents, W));
      const double more = mean_accepted(*traversal, drafts) - mean_accepted(*ratio, drafts);
      EXPECT_GT(more, -kExact) << name << " seed " << seed;
      gained += more;
    }
    EXPECT_GT(gained / 20, .005) << name;
  }
}

TEST(Traversal, AcceptsOnPointsWhatTheRatioTestDoes) {
  const Sampler plain;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Toy toy(seed, 4, plain);
    for (const Shape& shape : shapes_of({P}, true)) {
      for (const Drafted& one : drafts_of(toy, kPrompt, shape))
        EXPECT_LT(difference(*rule_named("traversal"), *rule_named("rejection"), one), 1e-7) << shape.name;
    }
  }
}

TEST(Traversal, DoesWhatThePaperSays) {
  const Sampler plain;
  const Toy toy(5, 3, plain);
  for (const Shape& shape : shapes_of({W, I, P}, true)) {
    for (const Drafted& one : drafts_of(toy, kPrompt, shape))
      EXPECT_LT(difference(*rule_named("traversal"), NaiveTraversal(), one), kExact) << shape.name;
  }
}

TEST(Traversal, FaultsOfItsRatesAreRefuted) {
  const Sampler plain;
  const Toy toy(3, 3, plain);
  const Shape tree = shape_of({0, 0, 1, 1}, W), chain = shape_of({0, 1, 2}, I);
  EXPECT_LT(error_of(toy, NaiveTraversal(), tree, 3), kExact);
  EXPECT_LT(error_of(toy, NaiveTraversal(), chain, 3), kExact);
  EXPECT_GT(error_of(toy, NaiveTraversal(NaiveTraversal::Fault::kDescendantsKept), tree, 3), kRefuted);
  EXPECT_GT(error_of(toy, NaiveTraversal(NaiveTraversal::Fault::kNodeRecomputed), chain, 3), kRefuted);
}

}  // namespace
}  // namespace specula::testing
