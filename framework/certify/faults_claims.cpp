// Rules that follow another law than the one they name.  Licence: Apache-2.0.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/certify/fault_world.h"
#include "framework/decode/ratio_test.h"

namespace specula {
namespace {

const Shape kChain{"", {0, 1}, {kDrawn, kDrawn}};

Finding compare(const Verifier& faulty, const Verifier& sound, int tokens) {
  const FaultWorld world;
  const Drafts drafts = world.drafts(kChain);
  return {.tv = world.error(faulty, tokens, drafts), .sound = world.error(sound, tokens, drafts)};
}

using Mix = std::function<Row(const Row& p, const Row& q)>;

Tensor mixed_rows(const Mix& mix, const DraftTree& tree, const Tensor& p) {
  std::vector<Row> rows;
  for (int row = 0; row < tree.size(); ++row) rows.push_back(mix(row_of(p, row), row_of(tree.q, tree.q_next[row])));
  return tensor_of(rows);
}

// The ratio test towards a mixture of p and q; it claims `claimed` and follows `followed`, at the bonus row `bonus`.
RuleOf mixing(const Mix& claimed, const Mix& followed, const Mix& bonus) {
  return RuleOf(
      [=](const DraftTree& tree, const Evidence& e) {
        const Tensor law = mixed_rows(followed, tree, e.p), last = mixed_rows(bonus, tree, e.p);
        const RoundRows rows(tree, law), last_rows(tree, last);
        return ratio_test(
            tree, rows, [&](int row) { return tree.children(row).empty() ? last_rows.p(row) : rows.p(row); }, e.chance);
      },
      [=](const DraftTree& tree, const Tensor& p) { return mixed_rows(claimed, tree, p); });
}

Row average(const Row& p, const Row& q) {
  Row v = p;
  for (size_t x = 0; x < v.size(); ++x) v[x] = (p[x] + q[x]) / 2;
  return v;
}

Row only_p(const Row& p, const Row& /*q*/) { return p; }

// Tokens with little mass in p are deferred to the target: Narasimhan et al. 2025 (token-specific cascades).
bool is_deferred(double p) { return p < 0.3; }

Row deferral(const Row& p, const Row& q) {
  double deferred = 0;
  for (size_t x = 0; x < p.size(); ++x) deferred += is_deferred(p[x]) ? q[x] : 0;
  Row law = p;
  for (size_t x = 0; x < p.size(); ++x) law[x] = (is_deferred(p[x]) ? 0 : q[x]) + p[x] * deferred;
  return law;
}

Row masked(const Row& p, const Row& q) {
  Row law = q;
  for (size_t x = 0; x < p.size(); ++x) law[x] = is_deferred(p[x]) ? 0 : q[x];
  return normalised(std::move(law));
}

// A chain whose every draft is tossed for with `probability`; what rejection leaves is norm((p-q)+).
using Probability = std::function<double(const Row& p, const Row& q, Token x)>;
RuleOf chain_rule(const Probability& probability) {
  return RuleOf([=](const DraftTree& tree, const Evidence& e) {
    Verdict verdict;
    for (int row = 1; row < tree.size(); ++row) {
      const Row p = row_of(e.p, row - 1), q = row_of(tree.q, tree.q_row[row]);
      if (e.chance.accept(probability(p, q, tree.token[row]), row)) {
        verdict.path.push_back(row);
        continue;
      }
      Residual left(e.p.const_data_ptr<float>() + (row - 1) * e.p.size(1), e.p.size(1));
      left.replace(left_of(p, 1, q));
      verdict.next = e.chance.emit(left, row - 1, row - 1);
      return verdict;
    }
    const int last = tree.size() - 1;
    verdict.next = e.chance.emit(Residual(e.p.const_data_ptr<float>() + last * e.p.size(1), e.p.size(1)), last, last);
    return verdict;
  });
}

double ratio(const Row& p, const Row& q, Token x) { return std::min(1.0, p[x] / q[x]); }
double lenient(const Row& p, const Row& q, Token x) { return std::min(1.0, p[x] / (0.7 * q[x])); }

double typical(const Row& p, const Row& /*q*/, Token x) {  // with Medusa's epsilon and alpha
  double entropy = 0;
  for (const double mass : p) entropy -= mass * std::log(mass + 1e-5);
  return p[x] > std::min(0.09, 0.3 * std::exp(-entropy)) ? 1 : 0;
}

double top_two(const Row& p, const Row& /*q*/, Token x) {
  return std::count_if(p.begin(), p.end(), [&](double mass) { return mass > p[x]; }) < 2 ? 1 : 0;
}

double threshold(const Row& p, const Row& q, Token x) { return p[x] >= 0.3 ? 1 : ratio(p, q, x); }

Fault claim(std::string name, std::string what, std::string seen_in, const RuleOf& faulty, const RuleOf& sound) {
  return {"claims",           std::move(name),       std::move(what),
          std::move(seen_in), "exact law of a text", [=] { return compare(faulty, sound, 3); }};
}

}  // namespace

std::vector<Fault> faults_of_claims() {
  const RuleOf exact = chain_rule(ratio);
  return {
      claim("ensemble_bonus_from_p", "A rule that is exact for (p+q)/2 draws the token after the last draft from p.",
            "", mixing(average, average, only_p), mixing(average, average, average)),
      claim("cascade_mask_renormalised",
            "Deferred tokens are masked in q and the rest is renormalised: not the law of the cascade.", "",
            mixing(deferral, masked, masked), mixing(deferral, deferral, deferral)),
      claim("lenience_declared_exact", "Accepts with p/(l q), l = 0.7, and calls itself exact.",
            "Leviathan et al. 2023, A.5", chain_rule(lenient), exact),
      claim("typical_declared_exact", "Accepts what is typical of p and calls itself exact.",
            "Medusa, Hydra, Spec-Bench", chain_rule(typical), exact),
      claim("top_two_declared_exact", "Accepts what is among the two likeliest and calls itself exact.",
            "TensorRT-LLM's relaxed acceptance", chain_rule(top_two), exact),
      claim("threshold_declared_exact", "Accepts any draft of p >= 0.3 and calls itself exact.",
            "SGLang's accept thresholds below 1", chain_rule(threshold), exact),
  };
}

}  // namespace specula
