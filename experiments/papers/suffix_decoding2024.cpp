// Oliaro et al. 2024, "SuffixDecoding: Extreme Speculative Decoding for Emerging AI Applications".  Licence:
// Apache-2.0.
#include "experiments/papers/paper.h"

namespace specula {
namespace {

constexpr int kDepth = 24;  // of the tree: match and draft together

// Of a match of p tokens at most factor p + offset are drafted, and p + draft <= kDepth: with factor f the longest
// draft is the largest f p with p + f p <= kDepth.
struct Limit {
  const char* options;
  int longest;
};
constexpr Limit kLimits[] = {
    {"factor=0,offset=0", 0}, {"factor=0,offset=3", 3}, {"factor=1,offset=0", 12}, {"factor=3,offset=0", 18}};

PaperChecks on_toys(const Registries& registries) {
  PaperChecks checks;
  for (const Limit& limit : kLimits) {
    const ToyText text =
        toy_text(registries, cat("suffix_tree(max_tree_depth=", kDepth, ",min_token_prob=0,", limit.options, ")"), 2);
    const std::string setting = cat(": ", limit.options);
    checks.push_back(keeps_the_text({cat("greedy text is the target's", setting), "section 4"}, text));
    checks.push_back(equals({cat("most tokens of a round on a text that repeats itself", setting),
                             "section 4.2, MAX_SPEC = factor p + offset"},
                            most_kept(text), limit.longest + 1, 0));
  }
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto tau = [&](const char* arm) { return runs.value("greedy", arm, "tau"); };
  return {
      at_least({"tokens a round, trees of request and past outputs over the request's alone", "section 5, ablation"},
               tau("run") / tau("request"), 1),
      at_least({"tokens a round, drafts that grow with the match over one token at a time", "section 4.2"},
               tau("request") / tau("one-token"), 1)};
}

}  // namespace

Paper suffix_decoding2024() {
  return {.name = "suffix_decoding2024",
          .reference = "Oliaro et al. 2024, arXiv 2411.04975",
          .claim = "Suffix trees of a request and of past outputs draft as much as the length of the match warrants.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
