// What every registered acceptance rule must keep, asserted of each without being named: its law over whole texts,
// enumerated on toy models for every draw law, shape and policy; no coin tossed twice; no token of zero probability.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "framework/certify/toy.h"
#include "framework/decode/compose.h"
#include "framework/decode/round_law.h"
#include "samplers/register.h"
#include "verifiers/register.h"

namespace specula::testing {
namespace {

constexpr double kExact = 2e-6;  // p and q are float32

const Registries& registries() {
  static const Registries instance = [] {
    Registries all;
    register_verifiers(all.verifiers);
    register_samplers(all.samplers);
    return all;
  }();
  return instance;
}

struct Rule {
  explicit Rule(const std::string& name) {
    const Params params{.place = "test", .values = parse_call(name, "test")};
    const auto& entry = registries().verifiers.at(name, "test");
    facts = entry.facts(params, Policy::kSampled);
    verifier = entry.make(params, {});
  }
  Facts facts;
  std::unique_ptr<Verifier> verifier;
};

class EveryVerifier : public ::testing::TestWithParam<std::string> {
 protected:
  Rule rule_{GetParam()};
  const Prefix prompt_{0, 1, 0};

  bool has_law() const { return rule_.facts.guarantee != Guarantee::kLossy; }
  bool races() const {
    const Sampler plain;
    const Toy toy(3, 3, plain);
    const DraftTree tree = DraftTree::root_only(0);
    return rule_.facts.policy == Policy::kCoupled && !law_of_round(*rule_.verifier, tree, p_rows(toy, {0}, tree));
  }
  std::vector<std::string> policies() const {
    if (rule_.facts.one_hot) return {"temperature(0)", "repetition_penalty(1.4),temperature(0)"};
    return {"temperature(0.8)", "repetition_penalty(1.5),temperature(1.2),top_k(2)", "temperature(0)"};
  }
  std::vector<Shape> shapes() const { return shapes_of(rule_.facts.laws, rule_.facts.trees); }
};

INSTANTIATE_TEST_SUITE_P(Registered, EveryVerifier, ::testing::ValuesIn(registries().verifiers.order),
                         [](const auto& p) { return p.param; });

TEST_P(EveryVerifier, WholeTextsFollowItsLawExactly) {
  if (!has_law() || races()) GTEST_SKIP() << "lossy rules are measured, races are compared with the baseline's text";
  for (const std::string& policy : policies()) {
    const Sampler sampler = make_sampler(registries(), parse_samplers(policy, "test"));
    const Toy toy(3, 3, sampler);
    for (const Shape& shape : shapes())
      EXPECT_LT(error_of(toy, *rule_.verifier, shape, 3), kExact) << policy << " " << shape.name;
  }
}

TEST_P(EveryVerifier, TheClosedFormOfTheExpectedLengthHasTheMeanOfItsEnds) {
  const Sampler sampler = make_sampler(registries(), parse_samplers(policies().front(), "test"));
  const Toy toy(5, 3, sampler);
  for (const Shape& shape : shapes()) {
    double closed = 0, enumerated = 0;
    for (const WeightedTree& w : draw_trees(toy, prompt_, shape)) {
      const Tensor p = p_rows(toy, prompt_, w.tree);
      const auto form = rule_.verifier->expected_accepted(w.tree, p);
      const auto ends = ends_of_round(*rule_.verifier, w.tree, p);
      if (!form || !ends) GTEST_SKIP() << "it has no closed form, or nothing to compare it with";
      closed += w.mass * *form;
      for (int row = 0; row < w.tree.size(); ++row) enumerated += w.mass * (*ends)[row] * w.tree.depth(row);
    }
    EXPECT_NEAR(closed, enumerated, 1e-6) << shape.name;
  }
}

TEST_P(EveryVerifier, TossesNoCoinTwiceAndEmitsNothingImpossible) {
  for (const std::string& policy : policies()) {
    const Sampler sampler = make_sampler(registries(), parse_samplers(policy, "test"));
    const Toy toy(7, 5, sampler);
    int64_t request = 0;
    for (const Shape& shape : shapes()) {
      for (const WeightedTree& w : draw_trees(toy, prompt_, shape)) {
        if (++request > 400) break;
        const Tensor p = p_rows(toy, prompt_, w.tree);
        const Tensor law = rule_.verifier->law(w.tree, p);
        Keyring keys(11);
        keys.audit();
        KeyedChance chance(keys, request, 3);
        const Verdict verdict = rule_.verifier->verify(w.tree, {.p = p, .chance = chance});
        int above = 0;
        std::vector<int> path = verdict.path;
        for (const int row : path) {
          ASSERT_EQ(w.tree.parent[row], above) << shape.name;
          above = row;
        }
        if (!has_law()) continue;
        path.insert(path.begin(), 0);
        for (size_t i = 0; i < path.size(); ++i) {
          const Token x = i + 1 < path.size() ? w.tree.token[path[i + 1]] : verdict.next;
          EXPECT_GT(law.const_data_ptr<float>()[path[i] * toy.vocab() + x], 0) << shape.name << " token " << x;
        }
      }
    }
  }
}

TEST_P(EveryVerifier, ItsChoicesAreKeyedAsTheirProbabilitiesSay) {
  if (races()) GTEST_SKIP() << "a race has no coins";
  const Sampler sampler = make_sampler(registries(), parse_samplers(policies().front(), "test"));
  const Toy toy(9, 3, sampler);
  const Shape shape = shapes().back();
  for (const WeightedTree& w : draw_trees(toy, prompt_, shape)) {
    const Tensor p = p_rows(toy, prompt_, w.tree);
    const RoundLaw exact = *law_of_round(*rule_.verifier, w.tree, p);
    const Law keyed = enumerate([&](const Keyring& keys) {
      KeyedChance chance(keys, 0, 1);
      const Verdict verdict = rule_.verifier->verify(w.tree, {.p = p, .chance = chance});
      return Shown{{verdict.path.empty() ? 0 : verdict.path.back(), verdict.next}, ""};
    });
    for (const auto& [outcome, mass] : keyed) EXPECT_NEAR(mass, exact.next[outcome[0]][outcome[1]], 1e-6);
  }
}

TEST(EveryVerifierTogether, SomeAreExactOnTrees) {
  EXPECT_TRUE(std::any_of(registries().verifiers.order.begin(), registries().verifiers.order.end(),
                          [](const std::string& name) { return Rule(name).facts.trees; }));
}

}  // namespace
}  // namespace specula::testing
