#include "tests/decode/rule_bench.h"

#include <cmath>

#include "tests/decode/composition.h"

namespace specula::testing {

RuleByCall::RuleByCall(const std::string& call) {
  const Params params{.place = "test", .values = parse_call(call, "test")};
  const auto& entry = all_registries().verifiers.at(plugin_name(params), "test");
  facts = entry.facts(params, Policy::kSampled);
  verifier = entry.make(params, {});
}

Sampler sampler_by_call(const std::string& calls) {
  return make_sampler(all_registries(), parse_samplers(calls, "test"));
}

Verdict verdict_of(const Verifier& rule, const DraftTree& tree, const std::vector<Row>& p, const Uniforms& uniforms) {
  const Keyring keys = scripted([&](Use use, int64_t, uint32_t index) { return uniforms(use, index); });
  KeyedChance chance(keys, 0, 1);
  const Tensor rows = tensor_of(p);
  return rule.verify(tree, {.p = rows, .chance = chance});
}

Verdict verdict_of(const Verifier& rule, const DraftTree& tree, const Tensor& p, uint64_t seed, int64_t request) {
  Keyring keys(seed);
  keys.audit();
  KeyedChance chance(keys, request, 3);
  return rule.verify(tree, {.p = p, .chance = chance});
}

double distance_of_rounds(const Verifier& a, const Verifier& b, const DraftTree& tree, const Tensor& p) {
  const RoundLaw law_a = *law_of_round(a, tree, p), law_b = *law_of_round(b, tree, p);
  double sum = 0;
  for (int row = 0; row < tree.size(); ++row) {
    for (size_t x = 0; x < static_cast<size_t>(p.size(1)); ++x) {
      const double mass_a = law_a.next[row].empty() ? 0 : law_a.next[row][x];
      const double mass_b = law_b.next[row].empty() ? 0 : law_b.next[row][x];
      sum += std::abs(mass_a - mass_b);
    }
  }
  return sum / 2;
}

Row law_of_first_token(const Toy& toy, const Verifier& rule, const Prefix& prefix, const Shape& shape) {
  Row law(static_cast<size_t>(toy.vocab()));
  for (const WeightedTree& w : draw_trees(toy, prefix, shape)) {
    const RoundLaw round = *law_of_round(rule, w.tree, p_rows(toy, prefix, w.tree));
    for (int row = 0; row < w.tree.size(); ++row) {
      if (row > 0) {
        law[w.tree.path_tokens(row).front()] += w.mass * round.ends[row];
        continue;
      }
      for (size_t x = 0; x < round.next[0].size(); ++x) law[x] += w.mass * round.next[0][x];
    }
  }
  return law;
}

double distance_of_rows(const Row& a, const Row& b) {
  double sum = 0;
  for (size_t x = 0; x < a.size(); ++x) sum += std::abs(a[x] - b[x]);
  return sum / 2;
}

}  // namespace specula::testing
