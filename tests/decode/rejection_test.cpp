// The output law of `rejection`, enumerated exactly for chains and trees of every law it accepts, and the faults that
// the same enumeration must refute.
#include "verifiers/rejection.h"

#include <gtest/gtest.h>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "framework/certify/enumerate.h"
#include "framework/certify/hash_model.h"
#include "tests/decode/naive_rejection.h"

namespace specula::testing {
namespace {

constexpr double kExact = 2e-6;    // float32 rows and the bisection's 2^-31
constexpr double kRefuted = 5e-3;  // a planted fault must move at least this much mass

std::vector<double> softmax(const std::vector<float>& logits, double temperature) {
  std::vector<double> p;
  double sum = 0;
  const float top = *std::max_element(logits.begin(), logits.end());
  for (const float x : logits) sum += p.emplace_back(std::exp((x - top) / temperature));
  for (double& v : p) v /= sum;
  return p;
}

// A target and a draft law on strings; both are softmax at a temperature other than 1, so that "before the policy" is
// another law.
struct Laws {
  int64_t vocab;
  HashModel target, draft;
  double temperature = 0.6;
  explicit Laws(uint64_t seed, int64_t v)
      : vocab(v),
        target({.seed = seed, .vocab = v}),
        draft({.seed = seed + 1000, .vocab = v, .near = &target, .nearness = 0.4}) {}
  std::vector<double> p(const std::vector<Token>& path) const {
    return softmax(target.logits(history(path)), temperature);
  }
  std::vector<double> p_raw(const std::vector<Token>& path) const { return softmax(target.logits(history(path)), 1); }
  std::vector<double> q(const std::vector<Token>& path) const {
    return softmax(draft.logits(history(path)), temperature);
  }
  std::vector<double> q_raw(const std::vector<Token>& path) const { return softmax(draft.logits(history(path)), 1); }
  static Prefix history(const std::vector<Token>& path) {
    Prefix h{0};
    h.insert(h.end(), path.begin(), path.end());
    return h;
  }
};

// A tree that is still to be drawn: parents and laws of rows 1, 2, ...
struct Shape {
  std::vector<int> parent;
  std::vector<Draw> draw;
};

struct Weighted {
  DraftTree tree;
  double mass = 1;
};

void give_q(DraftTree& tree, const Laws& laws, bool raw) {
  tree.q = at::empty({tree.size(), laws.vocab});
  for (int row = 0; row < tree.size(); ++row) {
    const std::vector<double> q = raw ? laws.q_raw(tree.path_tokens(row)) : laws.q(tree.path_tokens(row));
    std::copy(q.begin(), q.end(), tree.q.mutable_data_ptr<float>() + row * laws.vocab);
  }
}

// Every tree of the shape with its probability.
std::vector<Weighted> draw_trees(const Laws& laws, const Shape& shape) {
  std::vector<Weighted> open{{DraftTree::root_only(0), 1.0}};
  for (size_t i = 0; i < shape.parent.size(); ++i) {
    std::vector<Weighted> grown;
    for (const Weighted& w : open) {
      std::vector<double> law = laws.q(w.tree.path_tokens(shape.parent[i]));
      const Draw how = shape.draw[i];
      if (how != Draw::kIid) {
        for (const int sibling : w.tree.children(shape.parent[i])) law[w.tree.token[sibling]] = 0;
      }
      if (how == Draw::kPoint) {  // the most likely token that no sibling has
        const auto best = std::max_element(law.begin(), law.end()) - law.begin();
        law.assign(law.size(), 0.0);
        law[best] = 1;
      }
      double sum = 0;
      for (const double m : law) sum += m;
      for (size_t x = 0; x < law.size(); ++x) {
        if (!(law[x] > 0)) continue;
        Weighted next{w.tree, w.mass * law[x] / sum};
        next.tree.add(static_cast<Token>(x), shape.parent[i], how, how == Draw::kPoint ? -1 : shape.parent[i]);
        grown.push_back(std::move(next));
      }
    }
    open = std::move(grown);
  }
  for (Weighted& w : open) give_q(w.tree, laws, false);
  return open;
}

Tensor target_rows(const Laws& laws, const DraftTree& tree, bool leaves_raw = false) {
  Tensor p = at::empty({tree.size(), laws.vocab});
  for (int row = 0; row < tree.size(); ++row) {
    const bool raw = leaves_raw && row > 0 && tree.children(row).empty();
    const std::vector<double> law = raw ? laws.p_raw(tree.path_tokens(row)) : laws.p(tree.path_tokens(row));
    std::copy(law.begin(), law.end(), p.mutable_data_ptr<float>() + row * laws.vocab);
  }
  return p;
}

// The law of the block that a round emits over all the given trees.
using MakeChance = std::function<std::unique_ptr<Chance>(const Keyring& keys)>;
std::unique_ptr<Chance> keyed(const Keyring& keys) { return std::make_unique<KeyedChance>(keys, 0, 1); }

Law block_law(const Laws& laws, const std::vector<Weighted>& trees, const Verifier& rule, bool leaves_raw = false,
              const MakeChance& make = keyed) {
  Law blocks;
  for (const Weighted& w : trees) {
    const Tensor p = target_rows(laws, w.tree, leaves_raw);
    const Law one = enumerate([&](const Keyring& keys) {
      const auto chance = make(keys);
      const Verdict verdict = rule.verify(w.tree, {.p = p, .chance = *chance});
      Shown shown;
      for (const int row : verdict.path) {
        shown.result.push_back(w.tree.token[row]);
        shown.trace += "/" + std::to_string(row);
      }
      shown.result.push_back(verdict.next);
      return shown;
    });
    for (const auto& [block, mass] : one) blocks[block] += mass * w.mass;
  }
  return blocks;
}

double error_of(const Laws& laws, const std::vector<Weighted>& trees, const Verifier& rule, bool leaves_raw = false,
                const MakeChance& make = keyed) {
  const auto next = [&](const std::vector<Token>& string) { return laws.p(string); };
  return total_variation(extend(block_law(laws, trees, rule, leaves_raw, make), 3, next), own_law(3, next));
}

std::unique_ptr<Verifier> rule() { return rejection().make({.place = "test", .values = {}}, {}); }

const Draw P = Draw::kPoint, I = Draw::kIid, W = Draw::kWithoutReplacement;

struct Case {
  std::string name;
  Shape shape;
};

const std::vector<Case> kCases = {
    {"nothing", {}},
    {"chain1_iid", {{0}, {I}}},
    {"chain2_iid", {{0, 1}, {I, I}}},
    {"chain2_point", {{0, 1}, {P, P}}},
    {"chain_mixed", {{0, 1}, {P, I}}},
    {"two_iid", {{0, 0}, {I, I}}},
    {"three_iid", {{0, 0, 0}, {I, I, I}}},
    {"two_without", {{0, 0}, {W, W}}},
    {"three_without", {{0, 0, 0}, {W, W, W}}},
    {"two_points", {{0, 0}, {P, P}}},
    {"all_points", {{0, 0, 0}, {P, P, P}}},
    {"point_then_without", {{0, 0}, {P, W}}},
    {"iid_then_without", {{0, 0}, {I, W}}},
    {"without_then_point", {{0, 0}, {W, P}}},
    {"iid_then_point", {{0, 0}, {I, P}}},
    {"tree_iid", {{0, 0, 1, 1, 2}, {I, I, I, I, I}}},
    {"tree_without", {{0, 0, 1, 1}, {W, W, W, W}}},
    {"tree_mixed", {{0, 0, 1, 2}, {W, W, I, P}}},
};

class RejectionLaw : public ::testing::TestWithParam<Case> {};

TEST_P(RejectionLaw, IsTheTargetsOnThreeTokens) {
  for (const uint64_t seed : {3, 4}) {
    const Laws laws(seed, 3);
    EXPECT_LT(error_of(laws, draw_trees(laws, GetParam().shape), *rule()), kExact) << "seed " << seed;
  }
}

TEST_P(RejectionLaw, EqualsTheNaiveRuleUniformByUniform) {
  const Laws laws(11, 4);
  const Keyring noise(99);
  int64_t trial = 0;
  for (const Weighted& w : draw_trees(laws, GetParam().shape)) {
    if (++trial > 60) break;
    const Tensor p = target_rows(laws, w.tree);
    for (int repeat = 0; repeat < 5; ++repeat) {
      const Keyring keys = scripted([&](Use use, int64_t position, uint32_t index) {
        return noise.uniform(use, trial * 100 + repeat, position, index);
      });
      KeyedChance chance(keys, 0, 1);
      const Evidence evidence{.p = p, .chance = chance};
      const Verdict ours = rule()->verify(w.tree, evidence), naive = NaiveRejection().verify(w.tree, evidence);
      EXPECT_EQ(ours.path, naive.path);
      EXPECT_EQ(ours.next, naive.next);
    }
  }
  EXPECT_GT(trial, 0);
}

INSTANTIATE_TEST_SUITE_P(Shapes, RejectionLaw, ::testing::ValuesIn(kCases),
                         [](const auto& shape) { return shape.param.name; });

// ---- planted faults ----

TEST(RejectionFaults, ResidualNotNormalisedIsRefuted) {
  const Laws laws(3, 3);
  const auto trees = draw_trees(laws, {{0, 0}, {I, I}});
  EXPECT_LT(error_of(laws, trees, NaiveRejection()), kExact);
  EXPECT_GT(error_of(laws, trees, NaiveRejection(Fault::kResidualNotNormalised)), kRefuted);
}

TEST(RejectionFaults, ReusedUniformIsRefuted) {
  const Laws laws(3, 3);
  const auto trees = draw_trees(laws, {{0}, {I}});
  EXPECT_LT(error_of(laws, trees, NaiveRejection()), kExact);
  const MakeChance reusing = [](const Keyring& keys) {
    return std::make_unique<FaultyChance>(keys, KeyFault::kReusedUniform);
  };
  EXPECT_GT(error_of(laws, trees, NaiveRejection(), false, reusing), kRefuted);
}

TEST(RejectionFaults, LawBeforeThePolicyIsRefuted) {
  const Laws laws(3, 3);
  auto trees = draw_trees(laws, {{0, 1}, {I, I}});
  for (Weighted& w : trees) give_q(w.tree, laws, /*raw=*/true);
  EXPECT_GT(error_of(laws, trees, *rule()), kRefuted);
}

TEST(RejectionFaults, BonusRowWithoutThePolicyIsRefuted) {
  const Laws laws(3, 3);
  const auto trees = draw_trees(laws, {{0, 1}, {I, I}});
  EXPECT_GT(error_of(laws, trees, *rule(), /*leaves_raw=*/true), kRefuted);
}

TEST(RejectionFaults, SiblingsSortedAfterTheDrawAreRefuted) {
  const Laws laws(3, 3);
  auto trees = draw_trees(laws, {{0, 0}, {W, W}});
  for (Weighted& w : trees) {
    const std::vector<double> q = laws.q({});
    if (q[w.tree.token[1]] < q[w.tree.token[2]]) std::swap(w.tree.token[1], w.tree.token[2]);
  }
  EXPECT_GT(error_of(laws, trees, *rule()), kRefuted);
}

// Two are drawn, the more likely one is kept: declared as drawn it is biased, declared a point it is exact.
std::vector<Weighted> pruned(const Laws& laws, Draw declared) {
  std::vector<Weighted> kept;
  for (const Weighted& w : draw_trees(laws, {{0, 0}, {W, W}})) {
    const std::vector<double> q = laws.q({});
    const Token best = q[w.tree.token[1]] > q[w.tree.token[2]] ? w.tree.token[1] : w.tree.token[2];
    DraftTree tree = DraftTree::root_only(0);
    tree.add(best, 0, declared, declared == P ? -1 : 0);
    give_q(tree, laws, false);
    kept.push_back({tree, w.mass});
  }
  return kept;
}

TEST(RejectionFaults, PrunedRowsDeclaredAsDrawnAreRefuted) {
  const Laws laws(3, 3);
  EXPECT_GT(error_of(laws, pruned(laws, W), *rule()), kRefuted);
  EXPECT_GT(error_of(laws, pruned(laws, I), *rule()), kRefuted);
  EXPECT_LT(error_of(laws, pruned(laws, P), *rule()), kExact);
}

// A drafter that stops when the token it drew is unlikely: it must keep that token.
std::vector<Weighted> stopped(const Laws& laws, bool drop) {
  std::vector<Weighted> out;
  for (const Weighted& w : draw_trees(laws, {{0}, {I}})) {
    const bool unlikely = laws.q({})[w.tree.token[1]] < 0.4;
    DraftTree tree = drop && unlikely ? DraftTree::root_only(0) : w.tree;
    give_q(tree, laws, false);
    out.push_back({tree, w.mass});
  }
  return out;
}

TEST(RejectionFaults, DrawnTokenDroppedByAnEarlyStopIsRefuted) {
  const Laws laws(3, 3);
  EXPECT_GT(error_of(laws, stopped(laws, true), *rule()), kRefuted);
  EXPECT_LT(error_of(laws, stopped(laws, false), *rule()), kExact);
}

TEST(RejectionFaults, IidDeduplicatedButDeclaredIidIsRefuted) {
  const Laws laws(3, 3);
  std::vector<Weighted> trees;
  for (const Weighted& w : draw_trees(laws, {{0, 0}, {I, I}})) {
    DraftTree tree = DraftTree::root_only(0);
    tree.add(w.tree.token[1], 0, I, 0);
    if (w.tree.token[2] != w.tree.token[1]) tree.add(w.tree.token[2], 0, I, 0);
    give_q(tree, laws, false);
    trees.push_back({tree, w.mass});
  }
  EXPECT_GT(error_of(laws, trees, *rule()), kRefuted);
}

// ---- edges ----

Tensor row(std::initializer_list<float> values) {
  Tensor t = at::empty({static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), t.mutable_data_ptr<float>());
  return t.unsqueeze(0);
}

Verdict judge(const Verifier& verifier, const DraftTree& tree, std::vector<std::vector<float>> p, double accept,
              double rest, const MakeChance& make = keyed) {
  Tensor rows = at::empty({static_cast<int64_t>(p.size()), static_cast<int64_t>(p[0].size())});
  for (size_t r = 0; r < p.size(); ++r)
    std::copy(p[r].begin(), p[r].end(), rows.mutable_data_ptr<float>() + r * p[0].size());
  const Keyring keys = scripted([=](Use use, int64_t, uint32_t) { return use == Use::kAccept ? accept : rest; });
  const auto chance = make(keys);
  return verifier.verify(tree, {.p = rows, .chance = *chance});
}

TEST(RejectionEdges, ZeroUniformDoesNotAcceptATokenWithoutProbability) {
  DraftTree tree = DraftTree::root_only(0);
  tree.add(1, 0, I, 0);
  tree.q = row({0.5F, 0.5F, 0.0F});
  const std::vector<std::vector<float>> p = {{0.5F, 0.0F, 0.5F}, {1.0F, 0.0F, 0.0F}};
  EXPECT_TRUE(judge(*rule(), tree, p, 0.0, 0.0).path.empty());
  const MakeChance faulty = [](const Keyring& keys) {
    return std::make_unique<FaultyChance>(keys, KeyFault::kAcceptAtEquality);
  };
  EXPECT_EQ(judge(*rule(), tree, p, 0.0, 0.0, faulty).path.size(), 1U) << "the planted fault";
  EXPECT_TRUE(judge(*rule(), DraftTree::chain_of_points(0, {1}), p, 0.0, 0.0).path.empty());
}

TEST(RejectionEdges, EqualLawsAcceptEverySampledChain) {
  DraftTree tree = DraftTree::root_only(0);
  tree.add(2, 0, I, 0);
  tree.q = row({0.2F, 0.3F, 0.5F});
  const Verdict v = judge(*rule(), tree, {{0.2F, 0.3F, 0.5F}, {0.0F, 1.0F, 0.0F}}, std::nextafter(1.0, 0.0), 0.7);
  EXPECT_EQ(v.path, std::vector<int>{1});
  EXPECT_EQ(v.next, 1);
}

TEST(RejectionEdges, DisjointSupportsAcceptNothing) {
  DraftTree tree = DraftTree::root_only(0);
  tree.add(0, 0, I, 0);
  tree.q = row({1.0F, 0.0F});
  const Verdict v = judge(*rule(), tree, {{0.0F, 1.0F}, {0.5F, 0.5F}}, 0.0, 0.999);
  EXPECT_TRUE(v.path.empty());
  EXPECT_EQ(v.next, 1);
}

TEST(RejectionEdges, ADrawnTokenWithoutMassInItsLawIsABrokenInvariant) {
  DraftTree tree = DraftTree::root_only(0);
  tree.add(1, 0, I, 0);
  tree.q = row({1.0F, 0.0F});
  EXPECT_THROW(judge(*rule(), tree, {{0.5F, 0.5F}, {0.5F, 0.5F}}, 0.5, 0.5), std::logic_error);
}

}  // namespace
}  // namespace specula::testing
