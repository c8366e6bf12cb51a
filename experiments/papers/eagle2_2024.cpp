// Li et al. 2024, "EAGLE-2: Faster Inference of Language Models with Dynamic Draft Trees".  Licence: Apache-2.0.
#include <algorithm>
#include <cmath>
#include <utility>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

// The values by which the tree grows, V = the product of the confidences down to a node, summed over the drafted nodes,
// where the confidence is what the target gives.
double sum_of_values(const Toy& toy, const Prefix& prefix, const DraftTree& tree) {
  std::vector<double> value(tree.token.size(), 1);
  double sum = 0;
  for (size_t row = 1; row < value.size(); ++row) {
    const int parent = tree.parent[row];
    const auto token = static_cast<size_t>(tree.token[row]);
    value[row] = value[static_cast<size_t>(parent)] * toy.p(path_text(prefix, tree, parent))[token];
    sum += value[row];
  }
  return sum;
}

PaperChecks on_toys(const Registries& registries) {
  const std::vector<std::pair<const char*, Shape>> shapes = {
      {"two siblings", siblings_of(2, Draw::kPoint)},
      {"a chain of three", chain_of(3, Draw::kPoint)},
      {"two siblings with two children each, one pruned", shape_of({0, 0, 1, 1, 2}, Draw::kPoint)},
      {"three deep", shape_of({0, 0, 1, 3}, Draw::kPoint)}};
  PaperChecks checks;
  const auto rule = rule_of(registries, "rejection");
  const Sampler plain;
  const Prefix prefix = {0, 1, 0};
  double apart = 0;
  for (const auto& [name, shape] : shapes) {
    checks.push_back(keeps_the_law({cat("total variation of texts under `rejection` from the target's: the likeliest "
                                        "tokens of q, parents ",
                                        name),
                                    "the text's law is preserved"},
                                   registries, "rejection", {shape}));
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const Toy toy(seed, 3, plain);
      double values = 0;
      const auto drafts = drafts_of(toy, prefix, shape);
      for (const Drafted& drafted : drafts) values += drafted.mass * sum_of_values(toy, prefix, drafted.tree);
      apart = std::max(apart, std::abs(mean_accepted(*rule, drafts) - values));
    }
  }
  checks.push_back(equals({"tokens accepted less the sum of the nodes' values", "value of a node"}, apart, 0, 1e-5));
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto greedy = [&](const char* arm) { return runs.value("greedy", arm, "tau"); };
  return {
      at_least({"tokens a round, a dynamic tree over a static one of as many nodes", "dynamic against static trees"},
               greedy("dynamic") / greedy("static"), 1),
      at_least({"tokens a round, 20 nodes over 8", "growth with the nodes"}, greedy("dynamic-20") / greedy("dynamic"),
               1)};
}

}  // namespace

Paper eagle2_2024() {
  return {.name = "eagle2_2024",
          .reference = "Li et al. 2024, arXiv 2406.16858",
          .claim = "The head's confidence stands for acceptance, so a tree of the most valued nodes accepts more.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
