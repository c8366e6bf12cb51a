// Cai et al. 2024, "Medusa: Simple LLM Inference Acceleration Framework with Multiple Decoding Heads".  Licence:
// Apache-2.0.
#include <algorithm>
#include <cmath>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

constexpr double kEpsilon = .09, kDelta = .3;
constexpr int64_t kVocab = 6;

// Drafts that the rule judges otherwise than the paper's typical acceptance: accepted where p(x) > min(epsilon, delta
// exp(-H(p))).
int misjudged(const Verifier& rule, const Row& p) {
  double entropy = 0;
  for (const double mass : p) entropy -= mass * std::log(mass);
  const double threshold = std::min(kEpsilon, kDelta * std::exp(-entropy));
  int count = 0;
  for (const Drafted& drafted : drafts_of(p, random_law(1, kVocab), siblings_of(1, Draw::kIid))) {
    const bool typical = p[static_cast<size_t>(drafted.tree.token[1])] > threshold;
    count += (accepted(rule, drafted) > .5) == typical ? 0 : 1;
  }
  return count;
}

double acceptance(const Verifier& rule, const Row& p, const Row& q) {
  return mean_accepted(rule, drafts_of(p, q, siblings_of(1, Draw::kIid)));
}

PaperChecks on_toys(const Registries& registries) {
  const auto rule = rule_of(registries, cat("typical(epsilon=", kEpsilon, ",alpha=", kDelta, ")"));
  int wrong = 0;
  for (uint64_t seed = 0; seed < 40; ++seed)
    wrong += misjudged(*rule, random_law(seed, kVocab, .5 + .1 * double(seed)));
  const Row certain = {0, 1, 0, 0, 0, 0}, q = random_law(1, kVocab);
  // Of 40 tokens each has .025, less than epsilon; the entropy lets them pass.
  constexpr int64_t kMany = 40;
  return {
      equals({"drafts of 40 laws that `typical` judges otherwise than the threshold", "typical acceptance"}, wrong, 0,
             0),
      equals({"acceptance where the target is certain, less q of its token", "typical acceptance at temperature 0"},
             acceptance(*rule, certain, q) - q[1], 0, 1e-6),
      equals({"acceptance where the target knows nothing", "typical acceptance, its threshold falls with the entropy"},
             acceptance(*rule, Row(kMany, 1.0 / kMany), random_law(2, kMany)), 1, 1e-6),
      at_least({"total variation of texts under `typical` from the target's",
                "typical acceptance gives the target's law up"},
               keeps_the_law({"", ""}, registries, "typical", {chain_of(2, Draw::kIid)}).got, .01)};
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto greedy = [&](const char* arm) { return runs.value("greedy", arm, "tau"); };
  return {
      at_least({"tokens a round, three heads over one", "Medusa heads, each names one token more"},
               greedy("heads-3") / greedy("heads-1"), 1),
      at_least({"tokens a round, a tree of the heads' candidates over their first ones", "tree attention"},
               greedy("tree") / greedy("heads-3"), 1),
      not_binding(at_least({"tokens a round at temperature 1, typical acceptance over rejection",
                            "typical acceptance rises with the temperature"},
                           runs.value("sampled", "typical", "tau") / runs.value("sampled", "rejection", "tau"), 1))};
}

}  // namespace

Paper medusa2024() {
  return {
      .name = "medusa2024",
      .reference = "Cai et al. 2024, arXiv 2401.10774",
      .claim = "Heads on the target's last state name several tokens at once, of which the plausible ones are kept.",
      .on_toys = on_toys,
      .on_runs = on_runs};
}

}  // namespace specula
