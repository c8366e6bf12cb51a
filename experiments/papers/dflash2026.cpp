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
  double block = 0, siblings = 0, sum = 0, third = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Row p = random_law(seed, kVocab), q = random_law(seed + 500, kVocab);
    const auto drafts = [&](int length) { return drafts_of(p, q, chain_of(length, Draw::kIid)); };
    const auto three = drafts(kLength);
    block = std::max(block, first_token_variation(*rule, p, three));
    siblings =
        std::max(siblings, first_token_variation(*rule, p, drafts_of(p, q, siblings_of(2, Draw::kWithoutReplacement))));
    const double overlap = overlap_of(p, q), accepted = mean_accepted(*rule, three);
    sum = std::max(sum, std::abs(accepted - overlap - overlap * overlap - std::pow(overlap, 3)));
    third = std::max(third, std::abs(accepted - mean_accepted(*rule, drafts(kLength - 1)) - std::pow(overlap, 3)));
  }
  const char *drafting = "parallel drafting, tokens of a block are predicted at once",
             *length = "acceptance length, a token counts where all before it do";
  return {at_most({"total variation of a round's first token, a block of three", drafting}, block, 5e-6),
          at_most({"the same of two siblings at the first mask", drafting}, siblings, 5e-6),
          equals({"accepted of a block of three less the sum of powers of the overlap", length}, sum, 0, 5e-6),
          equals({"what the third token adds less the cube of the overlap", length}, third, 0, 5e-6)};
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
