// Li et al. 2025, "EAGLE-3: Scaling up Inference Acceleration of Large Language Models via Training-Time Test".
// Licence: Apache-2.0.
#include <algorithm>
#include <cmath>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

constexpr int64_t kVocab = 5;
constexpr size_t kDrafted = 3;  // tokens of the head's own vocabulary

// A law over the first tokens alone, as a head gives it through d2t.
Row reduced(const Row& law) {
  Row some(law.size(), 0);
  double sum = 0;
  for (size_t x = 0; x < kDrafted; ++x) sum += law[x];
  for (size_t x = 0; x < kDrafted; ++x) some[x] = law[x] / sum;
  return some;
}

PaperChecks on_toys(const Registries& registries) {
  const auto rule = rule_of(registries, "rejection");
  double chain = 0, siblings = 0, overlap = 0, above = -1;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Row p = random_law(seed, kVocab), q = reduced(random_law(seed + 500, kVocab));
    const auto one = drafts_of(p, q, chain_of(1, Draw::kIid));
    const auto two = drafts_of(p, q, siblings_of(2, Draw::kWithoutReplacement));
    chain = std::max(chain, first_token_variation(*rule, p, one));
    siblings = std::max(siblings, first_token_variation(*rule, p, two));
    double known = 0;
    for (size_t x = 0; x < kDrafted; ++x) known += p[x];
    overlap = std::max(overlap, std::abs(mean_accepted(*rule, one) - overlap_of(p, q)));
    above = std::max(above, mean_accepted(*rule, two) - known);
  }
  const char* where = "a draft of a reduced vocabulary";
  return {at_most({"total variation of a round's first token, a draft of a reduced vocabulary", where}, chain, 5e-6),
          at_most({"the same of two siblings without replacement", where}, siblings, 5e-6),
          equals({"acceptance less the overlap of p and q", where}, overlap, 0, 5e-6),
          at_most({"acceptance of two siblings above p of the drafted tokens", where}, above, 5e-6)};
}

PaperChecks on_runs(const PaperRuns& runs) {
  // How much of the first draft's acceptance the third keeps, where both before it were accepted.
  const auto kept = [&](const char* arm) {
    return runs.accepted_at("greedy", arm, 3) / runs.accepted_at("greedy", arm, 1);
  };
  return {not_binding(at_least({"the third draft's conditional acceptance over the first's: EAGLE-3 over EAGLE",
                                "training-time test, acceptance along the chain"},
                               kept("eagle3") / kept("eagle"), 1)),
          not_binding(at_least({"tokens a round, EAGLE-3 over EAGLE", "EAGLE-3 against EAGLE"},
                               runs.value("greedy", "eagle3", "tau") / runs.value("greedy", "eagle", "tau"), 1))};
}

}  // namespace

Paper eagle3_2025() {
  return {
      .name = "eagle3_2025",
      .reference = "Li et al. 2025, arXiv 2503.01840",
      .claim = "Trained on its own predictions and on three layers' states, a head's acceptance holds along a chain.",
      .on_toys = on_toys,
      .on_runs = on_runs};
}

}  // namespace specula
