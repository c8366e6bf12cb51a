// Chen et al. 2023, "Accelerating Large Language Model Decoding with Speculative Sampling".  Licence: Apache-2.0.
#include "experiments/papers/paper.h"
#include "framework/certify/chi_square.h"
#include "framework/decode/sampler.h"

namespace specula {
namespace {

constexpr int64_t kVocab = 8, kDraws = 200000;
constexpr double kLeastChance = 1e-4;

// Counts of the first token of rounds that were drawn, judged and drawn from what is left with keyed random numbers.
std::vector<int64_t> first_tokens(const Verifier& rule, const Row& p, const Row& q, int length) {
  const Keyring keys(2023);
  const Tensor rows = tensor_of(std::vector<Row>(static_cast<size_t>(length) + 1, p)), draft_law = tensor_of({q});
  std::vector<int64_t> counts(p.size());
  for (int64_t request = 0; request < kDraws; ++request) {
    DraftTree tree = DraftTree::root_only(0);
    for (int row = 1; row <= length; ++row) {
      const double u = keys.uniform(Use::kDraft, request, 1, static_cast<uint32_t>(row));
      tree.add(pick(draft_law.const_data_ptr<float>(), kVocab, u), row - 1, Draw::kIid, 0);
    }
    tree.q = draft_law;
    KeyedChance chance(keys, request, 1);
    const Verdict verdict = rule.verify(tree, {.p = rows, .chance = chance});
    ++counts[static_cast<size_t>(verdict.path.empty() ? verdict.next : tree.token[1])];
  }
  return counts;
}

PaperChecks on_toys(const Registries& registries) {
  const auto rule = rule_of(registries, "rejection");
  PaperChecks checks{keeps_the_law({"total variation of texts under `rejection` from the target's", "theorem 1"},
                                   registries, "rejection",
                                   {chain_of(1, Draw::kIid), chain_of(2, Draw::kIid), chain_of(4, Draw::kIid)})};
  for (const uint64_t seed : {1, 2, 3}) {
    const Row p = random_law(seed, kVocab), q = random_law(seed + 10, kVocab);
    checks.push_back(
        at_least({cat("chance of the counts of ", kDraws, " rounds under p (chi-square): laws ", seed), "theorem 1"},
                 chi_square(first_tokens(*rule, p, q, 2), p).p, kLeastChance));
  }
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto more = [&](int from, int to, const char* metric) {
    return runs.value("sampled", cat("k-", to), metric) - runs.value("sampled", cat("k-", from), metric);
  };
  PaperChecks checks;
  for (const auto& [from, to] : std::vector<std::pair<int, int>>{{1, 3}, {3, 5}, {5, 7}}) {
    checks.push_back(at_most(
        {cat("gain in the accepted share of drafted tokens from K = ", from, " to ", to), "figure 1, it falls with K"},
        more(from, to, "draft_accept_frac"), 0));
  }
  checks.push_back(at_least({"gain in tokens a round from K = 1 to 7", "figure 1"}, more(1, 7, "tau"), 0));
  checks.push_back(not_binding(at_least(
      {"gain in the time of a round from K = 1 to 7, ms", "figure 1, it grows with K"}, more(1, 7, "step_ms"), 0)));
  return checks;
}

}  // namespace

Paper chen2023() {
  return {
      .name = "chen2023",
      .reference = "Chen et al. 2023, arXiv 2302.01318",
      .claim = "Speculative sampling draws from the target's law; a longer draft loses a larger share of its tokens.",
      .on_toys = on_toys,
      .on_runs = on_runs};
}

}  // namespace specula
