// Luo et al. 2024, "Turning Trash into Treasure: Accelerating Inference of Large Language Models with Token Recycling".
// Licence: Apache-2.0.
#include "experiments/papers/paper.h"

namespace specula {
namespace {

PaperChecks on_toys(const Registries& registries) {
  PaperChecks checks;
  for (const int depth : {2, 6}) {
    const ToyText text = toy_text(registries, cat("token_recycling(width=8,nodes=80,hit=0.8,length=", depth, ")"), 1);
    const std::string setting = cat(": a tree ", depth, " deep");
    checks.push_back(keeps_the_text({cat("greedy text is the target's", setting), "section 3"}, text));
    checks.push_back(
        equals({cat("most tokens of a round once each successor was seen", setting), "section 3.2, depth + 1"},
               most_kept(text), depth + 1, 0));
  }
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto tau = [&](const char* arm) { return runs.value("greedy", arm, "tau"); };
  return {at_least({"tokens a round, 80 nodes over 8", "section 5, grow with the tree"},
                   tau("recycling-80") / tau("recycling-8"), 1),
          at_least({"tokens a round, over prompt lookup", "main results"}, tau("recycling-80") / tau("lookup"), 1)};
}

}  // namespace

Paper token_recycling2024() {
  return {.name = "token_recycling2024",
          .reference = "Luo et al. 2024, arXiv 2408.08696",
          .claim = "The target's discarded candidates, kept in a matrix of successors, draft a tree without any model.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
