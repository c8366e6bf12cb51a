// What every registered acceptance rule must keep, asserted of each without being named: its law over whole texts,
// enumerated on toy models for every draw law, shape and policy; no coin tossed twice; no token of zero probability.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "framework/certify/toy.h"
#include "framework/decode/compose.h"
#include "framework/decode/round_law.h"
#include "tests/decode/composition.h"
#include "tests/decode/rule_bench.h"

namespace specula::testing {
namespace {

constexpr double kExact = 2e-6;  // p and q are float32

bool has_law(const RuleByCall& rule) { return rule.facts.guarantee != Guarantee::kLossy; }

bool races(const RuleByCall& rule) {  // with coupled noise: no coins, no branches
  const Sampler plain;
  const Toy toy(3, 3, plain);
  const DraftTree tree = DraftTree::root_only(0);
  return rule.facts.policy == Policy::kCoupled && !law_of_round(*rule.verifier, tree, p_rows(toy, {0}, tree));
}

// A closed form of the expected length that its branches can be compared with, for this tree.
bool has_form(const RuleByCall& rule, const DraftTree& tree, const Tensor& p) {
  return rule.verifier->expected_accepted(tree, p) && ends_of_round(*rule.verifier, tree, p);
}

bool has_form_on_chains(const RuleByCall& rule) {
  const Sampler plain;
  const Toy toy(3, 3, plain);
  const Draw law = rule.facts.laws.front();
  const auto trees = draw_trees(toy, {0}, {"", {0}, {law}});
  return has_form(rule, trees.front().tree, p_rows(toy, {0}, trees.front().tree));
}

std::vector<std::string> rules_where(const std::function<bool(const RuleByCall& rule)>& wanted) {
  std::vector<std::string> names;
  for (const std::string& name : all_registries().verifiers.order) {
    if (wanted(RuleByCall(name))) names.push_back(name);
  }
  return names;
}

class EveryVerifier : public ::testing::TestWithParam<std::string> {
 protected:
  RuleByCall rule_{GetParam()};
  const Prefix prompt_{0, 1, 0};

  std::vector<std::string> policies() const {
    if (rule_.facts.one_hot) return {"temperature(0)", "repetition_penalty(1.4),temperature(0)"};
    return {"temperature(0.8)", "repetition_penalty(1.5),temperature(1.2),top_k(2)", "temperature(0)"};
  }
  std::vector<Shape> shapes() const { return shapes_of(rule_.facts.laws, rule_.facts.trees); }
};
using VerifierWithALaw = EveryVerifier;
using VerifierWithAForm = EveryVerifier;
using VerifierWithCoins = EveryVerifier;

std::string name_of_test(const ::testing::TestParamInfo<std::string>& p) { return p.param; }
INSTANTIATE_TEST_SUITE_P(Registered, EveryVerifier, ::testing::ValuesIn(all_registries().verifiers.order),
                         name_of_test);
INSTANTIATE_TEST_SUITE_P(Registered, VerifierWithALaw, ::testing::ValuesIn(rules_where([](const RuleByCall& rule) {
                           return has_law(rule) && !races(rule);
                         })),
                         name_of_test);
INSTANTIATE_TEST_SUITE_P(Registered, VerifierWithAForm, ::testing::ValuesIn(rules_where(has_form_on_chains)),
                         name_of_test);
INSTANTIATE_TEST_SUITE_P(Registered, VerifierWithCoins,
                         ::testing::ValuesIn(rules_where([](const RuleByCall& rule) { return !races(rule); })),
                         name_of_test);

TEST_P(VerifierWithALaw, WholeTextsFollowItExactly) {
  for (const std::string& policy : policies()) {
    const Sampler sampler = make_sampler(all_registries(), parse_samplers(policy, "test"));
    const Toy toy(3, 3, sampler);
    for (const Shape& shape : shapes())
      EXPECT_LT(error_of(toy, *rule_.verifier, shape, 3), kExact) << policy << " " << shape.name;
  }
}

// On the shapes for which it has one.
TEST_P(VerifierWithAForm, ItHasTheMeanOfItsEnds) {
  const Sampler sampler = make_sampler(all_registries(), parse_samplers(policies().front(), "test"));
  const Toy toy(5, 3, sampler);
  int compared = 0;
  for (const Shape& shape : shapes()) {
    double closed = 0, enumerated = 0;
    bool is_known = true;
    for (const WeightedTree& w : draw_trees(toy, prompt_, shape)) {
      const Tensor p = p_rows(toy, prompt_, w.tree);
      is_known = is_known && has_form(rule_, w.tree, p);
      if (!is_known) break;
      closed += w.mass * *rule_.verifier->expected_accepted(w.tree, p);
      const std::vector<double> ends = *ends_of_round(*rule_.verifier, w.tree, p);
      for (int row = 0; row < w.tree.size(); ++row) enumerated += w.mass * ends[row] * w.tree.depth(row);
    }
    if (!is_known) continue;
    EXPECT_NEAR(closed, enumerated, 1e-6) << shape.name;
    compared += shape.parent.empty() ? 0 : 1;
  }
  EXPECT_GT(compared, 1);
}

TEST_P(EveryVerifier, TossesNoCoinTwiceAndEmitsNothingImpossible) {
  for (const std::string& policy : policies()) {
    const Sampler sampler = make_sampler(all_registries(), parse_samplers(policy, "test"));
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
        if (!has_law(rule_)) continue;
        path.insert(path.begin(), 0);
        for (size_t i = 0; i < path.size(); ++i) {
          const Token x = i + 1 < path.size() ? w.tree.token[path[i + 1]] : verdict.next;
          EXPECT_GT(law.const_data_ptr<float>()[path[i] * toy.vocab() + x], 0) << shape.name << " token " << x;
        }
      }
    }
  }
}

// Keyed chances that write down every choice: a coin may decide what only a later one shows.
class Traced final : public Chance {
 public:
  explicit Traced(const Keyring& keys) : keyed_(keys, 0, 1) {}
  std::string trace;
  int choose(std::span<const double> h, int row) override {
    const int chosen = keyed_.choose(h, row);
    trace += cat("/", chosen);
    return chosen;
  }
  Token draw_target(const float* p, int64_t vocab, int depth) override { return keyed_.draw_target(p, vocab, depth); }
  Token draw_coupled(const float* p, int64_t vocab, int depth) override { return keyed_.draw_coupled(p, vocab, depth); }
  Token emit(const Residual& left, int node, int depth) override { return keyed_.emit(left, node, depth); }

 private:
  KeyedChance keyed_;
};

TEST_P(VerifierWithCoins, ItsChoicesAreKeyedAsTheirProbabilitiesSay) {
  const Sampler sampler = make_sampler(all_registries(), parse_samplers(policies().front(), "test"));
  const Toy toy(9, 3, sampler);
  const Shape shape = shapes().back();
  for (const WeightedTree& w : draw_trees(toy, prompt_, shape)) {
    const Tensor p = p_rows(toy, prompt_, w.tree);
    const RoundLaw exact = *law_of_round(*rule_.verifier, w.tree, p);
    const Law keyed = enumerate([&](const Keyring& keys) {
      Traced chance(keys);
      const Verdict verdict = rule_.verifier->verify(w.tree, {.p = p, .chance = chance});
      return Shown{{verdict.path.empty() ? 0 : verdict.path.back(), verdict.next}, chance.trace};
    });
    for (const auto& [outcome, mass] : keyed) EXPECT_NEAR(mass, exact.next[outcome[0]][outcome[1]], 1e-6);
  }
}

TEST(EveryVerifierTogether, ManyHaveALawAndSomeAForm) {
  EXPECT_GE(rules_where([](const RuleByCall& rule) { return has_law(rule) && !races(rule); }).size(), 8U);
  EXPECT_GE(rules_where(has_form_on_chains).size(), 3U);
}

TEST(EveryVerifierTogether, SomeAreExactOnTrees) {
  EXPECT_TRUE(std::any_of(all_registries().verifiers.order.begin(), all_registries().verifiers.order.end(),
                          [](const std::string& name) { return RuleByCall(name).facts.trees; }));
}

}  // namespace
}  // namespace specula::testing
