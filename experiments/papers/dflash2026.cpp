// Chen et al. 2026, "DFlash: Block Diffusion for Flash Speculative Decoding".  Licence: Apache-2.0.
#include <algorithm>
#include <cmath>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

constexpr int64_t kVocab = 4;
constexpr int kLength = 3;

// Tokens of a block are drawn from laws that do not see each other, as drafts_of() draws them.
PaperChecks on_toys(const Registries& registries) {
  const auto rule = rule_of(registries, "rejection");
  double apart = 0, off = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Row p = random_law(seed, kVocab), q = random_law(seed + 500, kVocab);
    const auto block = drafts_of(p, q, chain_of(kLength, Draw::kIid));
    apart = std::max(apart, first_token_variation(*rule, p, block));
    double expected = 0;
    for (int k = 1; k <= kLength; ++k) expected += std::pow(overlap_of(p, q), k);
    off = std::max(off, std::abs(mean_accepted(*rule, block) - expected));
  }
  const char* where = "parallel drafting, tokens of a block are predicted at once";
  return {at_most({"total variation of a round's first token, a block of three", where}, apart, 5e-6),
          equals({"accepted of a block of three less the sum of powers of the overlap", where}, off, 0, 5e-6)};
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto over = [&](const char* metric, const char* arm, const char* other) {
    return runs.value("greedy", arm, metric) / runs.value("greedy", other, metric);
  };
  return {at_least({"tokens a round, a block of four drafts over one of two", "acceptance length grows with the block"},
                   over("tau", "block-of-5", "block-of-3"), 1),
          not_binding(at_most({"cost of a drafted token, a block of four over one of two",
                               "drafting takes one pass, whatever the block's length"},
                              over("cost_c", "block-of-5", "block-of-3"), 1)),
          not_binding(at_most({"cost of a drafted token, a block of four over EAGLE's chain of four",
                               "one pass in the place of one for each token"},
                              over("cost_c", "block-of-5", "eagle"), 1)),
          not_binding(at_least({"tokens a round, a block of four drafts over EAGLE's chain of four",
                                "acceptance length against autoregressive drafts"},
                               over("tau", "block-of-5", "eagle"), 1))};
}

}  // namespace

Paper dflash2026() {
  return {.name = "dflash2026",
          .reference = "Chen et al. 2026, arXiv 2602.06036",
          .claim = "Masks that see the target's states name a block of tokens in one pass, whatever its length.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
