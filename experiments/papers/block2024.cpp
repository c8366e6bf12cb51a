// Sun et al. 2024, "Block Verification Accelerates Speculative Decoding".  Licence: Apache-2.0.
#include <algorithm>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

PaperChecks on_toys(const Registries& registries) {
  const auto block = rule_of(registries, "block"), token = rule_of(registries, "rejection");
  PaperChecks checks{keeps_the_law({"total variation of texts under `block` from the target's", "theorem 1"},
                                   registries, "block",
                                   {chain_of(1, Draw::kIid), chain_of(2, Draw::kIid), chain_of(3, Draw::kIid)})};
  const auto example = drafts_of({1.0 / 3, 2.0 / 3}, {2.0 / 3, 1.0 / 3}, chain_of(2, Draw::kIid));
  checks.push_back(equals({"tokens accepted by token verification in the example", "section 2, 10/9"},
                          mean_accepted(*token, example), 10.0 / 9, 2e-6));
  checks.push_back(equals({"tokens accepted by block verification in the example", "section 2, 11/9"},
                          mean_accepted(*block, example), 11.0 / 9, 2e-6));
  for (int length = 2; length <= 4; ++length) {
    double least = 1, sum = 0;
    constexpr uint64_t kToys = 30;
    for (uint64_t seed = 0; seed < kToys; ++seed) {
      const Sampler plain;
      const Toy toy(seed, 3, plain);
      const auto drafts = drafts_of(toy, {0, 1, 0}, chain_of(length, Draw::kIid));
      const double more = mean_accepted(*block, drafts) - mean_accepted(*token, drafts);
      least = std::min(least, more);
      sum += more;
    }
    checks.push_back(
        at_least({cat("least gain of tokens over token verification: gamma ", length), "theorem 2"}, least, -2e-6));
    checks.push_back(at_least({cat("mean gain: gamma ", length), "theorem 2"}, sum / kToys, 1e-3));
  }
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  PaperChecks checks;
  for (const int length : {4, 8}) {
    const auto tokens = [&](const char* rule) {
      return 1 + runs.value("sampled", cat(rule, "-", length), "expected_accepted");
    };
    checks.push_back(not_binding(at_least({cat("tokens a round, block over token verification: gamma ", length),
                                           "experiments, 1.07 to 1.10 with their models"},
                                          tokens("block") / tokens("token"), 1)));
  }
  return checks;
}

}  // namespace

Paper block2024() {
  return {.name = "block2024",
          .reference = "Sun et al. 2024, arXiv 2403.10444",
          .claim = "Verifying a block together keeps the target's law, and never accepts less than token by token.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
