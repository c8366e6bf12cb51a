// Sun et al. 2023, "SpecTr: Fast Speculative Decoding via Optimal Transport".  Licence: Apache-2.0.
#include <algorithm>
#include <cmath>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

constexpr int64_t kVocab = 4;
constexpr uint64_t kPairs = 60;

double mass_in(const Row& law, size_t set) {
  double sum = 0;
  for (size_t x = 0; x < law.size(); ++x) sum += (set >> x & 1) != 0 ? law[x] : 0;
  return sum;
}

// The dual of the transport problem: the smallest of p(S) + 1 - q(S)^k over sets of tokens.
double smallest_cut(const Row& p, const Row& q, int k) {
  double least = 1;
  for (size_t set = 0; set < size_t{1} << p.size(); ++set)
    least = std::min(least, mass_in(p, set) + 1 - std::pow(mass_in(q, set), k));
  return least;
}

PaperChecks on_toys(const Registries& registries) {
  const auto kseq = rule_of(registries, "kseq"), optimal = rule_of(registries, "optimal(siblings=3)"),
             ratio = rule_of(registries, "rejection");
  PaperChecks checks{
      keeps_the_law({"total variation of texts under `kseq` from the target's", "theorem 2"}, registries, "kseq",
                    {siblings_of(2, Draw::kIid), siblings_of(3, Draw::kIid), shape_of({0, 0, 1, 1}, Draw::kIid)})};
  for (int k = 1; k <= 3; ++k) {
    double from_cut = 0, least_share = 1, most_share = 0, from_ratio = 0, grown = 1;
    for (uint64_t seed = 0; seed < kPairs; ++seed) {
      const Row p = random_law(seed, kVocab, 3), q = random_law(seed + 500, kVocab, 3);
      const auto drafts = drafts_of(p, q, siblings_of(k, Draw::kIid));
      const double best = mean_accepted(*optimal, drafts), by_kseq = mean_accepted(*kseq, drafts);
      from_cut = std::max(from_cut, std::abs(best - smallest_cut(p, q, k)));
      least_share = std::min(least_share, by_kseq / best);
      most_share = std::max(most_share, by_kseq / best);
      from_ratio = std::max(from_ratio, std::abs(by_kseq - mean_accepted(*ratio, drafts)));
      const double one_fewer = k == 1 ? 0 : mean_accepted(*kseq, drafts_of(p, q, siblings_of(k - 1, Draw::kIid)));
      grown = std::min(grown, by_kseq - one_fewer);
    }
    const std::string setting = cat(": ", k, k == 1 ? " draft" : " drafts");
    checks.push_back(
        equals({cat("largest distance of `optimal` from the smallest cut", setting), "section 4"}, from_cut, 0, 2e-6));
    checks.push_back(at_least({cat("least share of the optimum that `kseq` accepts", setting), "theorem 3"},
                              least_share, 1 - std::pow(1 - 1.0 / k, k) - 2e-6));
    checks.push_back(at_most({cat("most share of it", setting), "theorem 1"}, most_share, 1 + 2e-6));
    checks.push_back(at_least({cat("least gain over a draft less", setting), "section 3"}, grown, -2e-6));
    if (k == 1)
      checks.push_back(at_most({"largest distance from the ratio test: 1 draft", "section 5"}, from_ratio, 2e-6));
  }
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto tokens = [&](const char* arm) { return 1 + runs.value("sampled", arm, "expected_accepted"); };
  return {at_least({"tokens a round, K = 4 over K = 1", "experiments, grow with K"}, tokens("k-4") / tokens("k-1"), 1)};
}

}  // namespace

Paper spectr2023() {
  return {
      .name = "spectr2023",
      .reference = "Sun et al. 2023, arXiv 2310.15141",
      .claim =
          "k-SEQ keeps the target's law with k drafts, and accepts at least 1 - 1/e of what optimal transport could.",
      .on_toys = on_toys,
      .on_runs = on_runs};
}

}  // namespace specula
