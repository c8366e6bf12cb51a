// What is particular to `rejection`: it equals the naive rule uniform by uniform on every shape and mixture of laws,
// and its edges.  That it is exact is the conformance test's business, that faults of it are found the planted faults'.
#include "verifiers/rejection.h"

#include <gtest/gtest.h>

#include <cmath>

#include "framework/certify/naive_rules.h"

namespace specula::testing {
namespace {

const Draw P = Draw::kPoint, I = Draw::kIid, W = Draw::kWithoutReplacement;

std::unique_ptr<Verifier> rule() { return rejection().make({.place = "test", .values = {}}, {}); }

class RejectionLaw : public ::testing::TestWithParam<Shape> {};

// Shapes of the conformance test mix two laws; these mix them in other orders and in deeper trees.
std::vector<Shape> shapes() {
  std::vector<Shape> all = shapes_of({P, I, W}, true);
  all.push_back({"tree_mixed", {0, 0, 1, 2}, {W, W, I, P}});
  all.push_back({"three_laws", {0, 0, 0}, {P, I, W}});
  all.push_back({"three_laws_backwards", {0, 0, 0, 1}, {W, I, P, I}});
  all.push_back({"tree_iid_uneven", {0, 0, 1, 1, 2}, {I, I, I, I, I}});
  return all;
}

TEST_P(RejectionLaw, EqualsTheNaiveRuleUniformByUniform) {
  const Sampler plain;
  const Toy toy(11, 4, plain);
  const Prefix prompt{0, 1, 0};
  int64_t trial = 0;
  for (const WeightedTree& w : draw_trees(toy, prompt, GetParam())) {
    if (++trial > 60) break;
    const Tensor p = p_rows(toy, prompt, w.tree);
    for (uint64_t repeat = 0; repeat < 5; ++repeat) {
      const Keyring keys(repeat);
      KeyedChance chance(keys, trial, 1);
      const Evidence evidence{.p = p, .chance = chance};
      const Verdict ours = rule()->verify(w.tree, evidence), naive = NaiveRejection().verify(w.tree, evidence);
      EXPECT_EQ(ours.path, naive.path);
      EXPECT_EQ(ours.next, naive.next);
    }
  }
  EXPECT_GT(trial, 0);
}

TEST_P(RejectionLaw, IsTheTargets) {
  for (const uint64_t seed : {3, 4}) {
    const Sampler plain;
    EXPECT_LT(error_of(Toy(seed, 3, plain), *rule(), GetParam(), 3), 2e-6) << "seed " << seed;  // p and q are float32
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, RejectionLaw, ::testing::ValuesIn(shapes()),
                         [](const auto& shape) { return shape.param.name; });

// ---- edges ----

// One row below the root, drawn from q; every coin gets `accept`, every other draw `rest`.
Verdict judge(const DraftTree& tree, const std::vector<Row>& p, double accept, double rest) {
  const Tensor rows = tensor_of(p);
  const Keyring keys = scripted([=](Use use, int64_t, uint32_t) { return use == Use::kAccept ? accept : rest; });
  KeyedChance chance(keys, 0, 1);
  return rule()->verify(tree, {.p = rows, .chance = chance});
}

DraftTree one_drawn(Token token, const Row& q) {
  DraftTree tree = DraftTree::root_only(0);
  tree.add(token, 0, I, 0);
  tree.q = tensor_of({q});
  return tree;
}

TEST(RejectionEdges, ZeroUniformDoesNotAcceptATokenWithoutProbability) {
  const std::vector<Row> p = {{0.5, 0, 0.5}, {1, 0, 0}};
  EXPECT_TRUE(judge(one_drawn(1, {0.5, 0.5, 0}), p, 0.0, 0.0).path.empty());
  EXPECT_TRUE(judge(DraftTree::chain_of_points(0, {1}), p, 0.0, 0.0).path.empty());
}

TEST(RejectionEdges, EqualLawsAcceptEverySampledChain) {
  const Verdict v = judge(one_drawn(2, {0.2, 0.3, 0.5}), {{0.2, 0.3, 0.5}, {0, 1, 0}}, std::nextafter(1.0, 0.0), 0.7);
  EXPECT_EQ(v.path, std::vector<int>{1});
  EXPECT_EQ(v.next, 1);
}

TEST(RejectionEdges, DisjointSupportsAcceptNothing) {
  const Verdict v = judge(one_drawn(0, {1, 0}), {{0, 1}, {0.5, 0.5}}, 0.0, 0.999);
  EXPECT_TRUE(v.path.empty());
  EXPECT_EQ(v.next, 1);
}

TEST(RejectionEdges, ADrawnTokenWithoutMassInItsLawIsABrokenInvariant) {
  EXPECT_THROW(judge(one_drawn(1, {1, 0}), {{0.5, 0.5}, {0.5, 0.5}}, 0.5, 0.5), std::logic_error);
}

}  // namespace
}  // namespace specula::testing
