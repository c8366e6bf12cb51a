// Miao et al. 2024, "SpecInfer: Accelerating Large Language Model Serving with Tree-based Speculative Inference and
// Verification".  Licence: Apache-2.0.
#include <algorithm>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

constexpr uint64_t kPairs = 60;

PaperChecks on_toys(const Registries& registries) {
  const auto multi_step = rule_of(registries, "rejection"), naive = rule_of(registries, "agreement");
  PaperChecks checks{keeps_the_law(
      {"total variation of texts under `rejection` on trees from the target's", "theorem 4.2"}, registries, "rejection",
      {siblings_of(3, Draw::kIid), shape_of({0, 0, 1, 1}, Draw::kIid), shape_of({0, 1, 1, 2}, Draw::kIid)})};
  for (int k = 1; k <= 3; ++k) {
    double least = 1, sum = 0;
    for (uint64_t seed = 0; seed < kPairs; ++seed) {
      const auto drafts = drafts_of(random_law(seed, 4), random_law(seed + 500, 4), siblings_of(k, Draw::kIid));
      const double more = mean_accepted(*multi_step, drafts) - mean_accepted(*naive, drafts);
      least = std::min(least, more);
      sum += more;
    }
    const std::string setting = cat(": ", k, k == 1 ? " sibling" : " siblings");
    checks.push_back(
        at_least({cat("least acceptance of `rejection` above naive sampling's (`agreement`)", setting), "theorem 4.3"},
                 least, -1e-6));
    checks.push_back(at_least({cat("mean acceptance above it", setting), "theorem 4.3"}, sum / kPairs, 1e-3));
  }
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto tokens = [&](const std::string& arm) { return 1 + runs.value("sampled", arm, "expected_accepted"); };
  return {at_least({"tokens a round, 4 children over 1", "evaluation, grow with the width"},
                   tokens("width-4") / tokens("width-1"), 1),
          at_least({"tokens a round of multi-step over naive sampling", "evaluation, 1.2 to 1.3 with their models"},
                   tokens("width-4") / tokens("naive-4"), 1)};
}

}  // namespace

Paper specinfer2024() {
  return {
      .name = "specinfer2024",
      .reference = "Miao et al. 2024, arXiv 2305.09781",
      .claim =
          "Multi-step speculative sampling keeps the target's law on trees, and rejects less than sampling naively.",
      .on_toys = on_toys,
      .on_runs = on_runs};
}

}  // namespace specula
