// Weng et al. 2025, "Traversal Verification for Speculative Tree Decoding".  Licence: Apache-2.0.
#include <algorithm>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

const Prefix kPrompt = {0, 1, 0};

PaperChecks on_toys(const Registries& registries) {
  const auto traversal = rule_of(registries, "traversal"), block = rule_of(registries, "block"),
             top_down = rule_of(registries, "rejection");
  const Sampler plain;
  PaperChecks checks;
  for (const Draw draw : {Draw::kWithoutReplacement, Draw::kIid}) {
    checks.push_back(keeps_the_law(
        {cat("total variation of texts under `traversal` from the target's: trees drawn ", name_of(draw)),
         "section 4, losslessness"},
        registries, "traversal",
        {chain_of(3, draw), siblings_of(2, draw), shape_of({0, 0, 1, 1}, draw), shape_of({0, 1, 1, 2}, draw)}));
  }
  double from_block = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Toy toy(seed, 4, plain);
    for (const Drafted& one : drafts_of(toy, kPrompt, chain_of(3, Draw::kIid)))
      from_block = std::max(from_block, difference(*traversal, *block, one));
  }
  checks.push_back(at_most({"largest distance from block verification on chains", "section 4, optimal on chains"},
                           from_block, 1e-6));
  for (const auto& [name, parents] : std::vector<std::pair<std::string, std::vector<int>>>{
           {"2x1", {0, 0, 1, 2}}, {"1x2", {0, 1, 1}}, {"2x2", {0, 0, 1, 1, 2, 2}}}) {
    double least = 1, sum = 0;
    constexpr uint64_t kToys = 20;
    for (uint64_t seed = 0; seed < kToys; ++seed) {
      const Toy toy(seed, 3, plain);
      const auto drafts = drafts_of(toy, kPrompt, shape_of(parents, Draw::kWithoutReplacement));
      const double more = mean_accepted(*traversal, drafts) - mean_accepted(*top_down, drafts);
      least = std::min(least, more);
      sum += more;
    }
    checks.push_back(at_least({cat("least gain of tokens over token-level verification: tree ", name), "experiments"},
                              least, -2e-6));
    checks.push_back(at_least({cat("mean gain: tree ", name), "experiments"}, sum / kToys, 1e-3));
  }
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto tokens = [&](const char* arm) { return 1 + runs.value("sampled", arm, "expected_accepted"); };
  return {not_binding(at_least({"tokens a round of one tree, traversal over token-level verification",
                                "experiments, 1.02 to 1.06 with their models"},
                               tokens("traversal") / tokens("token-level"), 1))};
}

}  // namespace

Paper traversal2025() {
  return {.name = "traversal2025",
          .reference = "Weng et al. 2025, arXiv 2505.12398",
          .claim = "Verifying a tree from its leaves keeps the target's law, and accepts more than from its root.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
