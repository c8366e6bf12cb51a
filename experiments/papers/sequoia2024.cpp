// Chen et al. 2024, "Sequoia: Scalable, Robust, and Hardware-aware Speculative Decoding".  Licence: Apache-2.0.
#include <cmath>

#include "experiments/papers/paper.h"
#include "framework/decode/round_law.h"
#include "framework/decode/sequoia.h"

namespace specula {
namespace {

// The first entries of the vector of the authors' demo-config.json, and its costs.
const std::vector<double> kDemo = {.634183, .107946, .056972};
const SequoiaCosts kDemoCosts = {
    .budgets = {1, 2, 4, 8, 16, 32}, .target_time = {10, 10, 10, 12, 14, 18}, .draft_time = .3, .max_depth = 10};

// That the rule accepts the r-th sibling of a node.
std::vector<double> accepted_by_rank(const Verifier& rule, const Row& p, const Row& q, int siblings) {
  std::vector<double> rates(static_cast<size_t>(siblings));
  for (const Drafted& one : drafts_of(p, q, siblings_of(siblings, Draw::kWithoutReplacement))) {
    const std::vector<double> ends = *ends_of_round(rule, one.tree, one.p);
    for (size_t row = 1; row < ends.size(); ++row) rates[row - 1] += one.mass * ends[row];
  }
  return rates;
}

// A vector whose chance that none of r siblings is accepted falls like a power of r.
std::vector<double> power_law(double exponent) {
  std::vector<double> vector;
  for (int r = 1; r <= kMaxRanks; ++r) vector.push_back(.9 * (std::pow(r, -exponent) - std::pow(r + 1, -exponent)));
  return vector;
}

PaperChecks on_toys(const Registries& registries) {
  const auto rule = rule_of(registries, "rejection");
  const Draw without = Draw::kWithoutReplacement;
  PaperChecks checks{keeps_the_law(
      {"total variation of texts under `rejection` on draws without replacement from the target's", "section 3.2"},
      registries, "rejection", {siblings_of(2, without), shape_of({0, 0, 1, 1}, without)})};
  const SequoiaTree demo = choose_tree(kDemo, kDemoCosts);
  checks.push_back(equals({"rows of the tree chosen for the demo's vector and costs", "repository, demo-config.json"},
                          demo.tree.size(), 4, 0));
  checks.push_back(equals({"its depth", "repository, demo-config.json"}, demo.tree.deepest(), 3, 0));

  const Row p = random_law(1, 3), q = random_law(2, 3);
  const std::vector<double> rates = accepted_by_rank(*rule, p, q, 3);
  for (const int rows : {3, 5, 6}) {
    const SequoiaTree best = best_tree({rates[0], rates[1]}, rows, 4);
    const std::vector<int> below_root(best.tree.parent.begin() + 1, best.tree.parent.end());
    checks.push_back(equals(
        {cat("tokens a round of the best tree under `rejection` less those that its programme expects: ", rows,
             " rows"),
         "section 3.1"},
        1 + mean_accepted(*rule, drafts_of(p, q, shape_of(below_root, without))) - best.expected_tokens, 0, 1e-5));
  }
  checks.push_back(equals({"acceptance of as many siblings as there are tokens", "section 3.2, cover property"},
                          mean_accepted(*rule, drafts_of(p, q, siblings_of(3, without))), 1, 1e-6));
  checks.push_back(at_most({"the same of i.i.d. siblings", "section 3.2"},
                           mean_accepted(*rule, drafts_of(p, q, siblings_of(3, Draw::kIid))), .999));

  const auto tokens = [](int rows) {
    return best_tree(power_law(1), rows, rows - 1 < 64 ? rows - 1 : 64).expected_tokens;
  };
  checks.push_back(at_least({"tokens gained from 128 to 256 rows over those from 16 to 32, power-law acceptance",
                             "section 3.1, the tree grows without bound"},
                            (tokens(256) - tokens(128)) / (tokens(32) - tokens(16)), .5));
  const std::vector<double> first = {power_law(1).front()};
  checks.push_back(at_most(
      {"tokens of the longest chain with the same first entry, over 1 / (1 - a)", "section 3.1, a chain is bounded"},
      best_tree(first, 64, 63).expected_tokens * (1 - first[0]), 1));
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto tokens = [&](const char* arm) { return 1 + runs.value("sampled", arm, "expected_accepted"); };
  return {not_binding(at_least({"tokens a round, Sequoia's tree over a chain of as many nodes", "figure 1"},
                               tokens("sequoia") / tokens("chain"), 1)),
          not_binding(at_least({"tokens a round, siblings without replacement over i.i.d. ones", "section 3.2"},
                               tokens("without-replacement") / tokens("iid"), 1))};
}

}  // namespace

Paper sequoia2024() {
  return {
      .name = "sequoia2024",
      .reference = "Chen et al. 2024, arXiv 2402.12374",
      .claim = "A dynamic programme finds the tree with the most expected tokens, which goes on growing with its size.",
      .on_toys = on_toys,
      .on_runs = on_runs};
}

}  // namespace specula
