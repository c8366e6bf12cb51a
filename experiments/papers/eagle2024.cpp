// Li et al. 2024, "EAGLE: Speculative Sampling Requires Rethinking Feature Uncertainty".  Licence: Apache-2.0.
#include <algorithm>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

constexpr uint64_t kPairs = 60;

PaperChecks on_toys(const Registries& registries) {
  const Draw without = Draw::kWithoutReplacement;
  PaperChecks checks;
  for (const int siblings : {1, 2, 3})
    checks.push_back(keeps_the_law({cat("total variation of texts under `rejection` from the target's: ", siblings,
                                        siblings == 1 ? " candidate" : " candidates without replacement"),
                                    "multi-round speculative sampling"},
                                   registries, "rejection", {siblings_of(siblings, without)}));
  checks.push_back(keeps_the_law({"the same of a tree two deep", "verification of trees"}, registries, "rejection",
                                 {shape_of({0, 0, 1, 1}, without), shape_of({0, 0, 1, 2}, without)}));
  const auto rule = rule_of(registries, "rejection");
  double least = 1;
  for (uint64_t seed = 0; seed < kPairs; ++seed) {
    const auto drafted = [&](int siblings) {
      return mean_accepted(*rule,
                           drafts_of(random_law(seed, 4), random_law(seed + 500, 4), siblings_of(siblings, without)));
    };
    least = std::min(least, drafted(2) - drafted(1));
  }
  checks.push_back(at_least({"least acceptance that a second candidate adds", "verification of trees"}, least, -1e-6));
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto greedy = [&](const char* arm) { return runs.value("greedy", arm, "tau"); };
  return {at_least({"tokens a round, a tree over a chain as deep", "ablation of tree attention"},
                   greedy("tree") / greedy("chain"), 1),
          at_least({"acceptance of the second draft where the first was accepted, EAGLE over Medusa",
                    "features with the token drawn, over independent heads"},
                   runs.accepted_at("greedy", "chain", 2) / runs.accepted_at("greedy", "medusa", 2), 1)};
}

}  // namespace

Paper eagle2024() {
  return {
      .name = "eagle2024",
      .reference = "Li et al. 2024, arXiv 2401.15077",
      .claim = "A layer that continues the target's features, told the token that was drawn, drafts a lossless tree.",
      .on_toys = on_toys,
      .on_runs = on_runs};
}

}  // namespace specula
