// Fu et al. 2024, "Break the Sequential Dependency of LLM Inference Using Lookahead Decoding".  Licence: Apache-2.0.
#include <cmath>

#include "experiments/papers/paper.h"
#include "framework/lookup/phrase_pool.h"

namespace specula {
namespace {

// Phrases of `length` tokens of which the first right[i] are what the target says: token d at depth d.
std::vector<std::vector<Token>> phrases(const std::vector<int>& right, int length) {
  std::vector<std::vector<Token>> all;
  for (size_t i = 0; i < right.size(); ++i) {
    std::vector<Token> phrase;
    for (int depth = 1; depth <= length; ++depth)
      phrase.push_back(depth <= right[i] ? depth : length + 2 + static_cast<Token>(i));
    all.push_back(std::move(phrase));
  }
  return all;
}

double kept_of(const Verifier& rule, const std::vector<int>& right, int length) {
  DraftTree tree = DraftTree::root_only(0);
  add_phrases(tree, 0, phrases(right, length), {.depth = length, .rows = 512});
  const size_t vocab = static_cast<size_t>(length) + 2 + right.size();
  std::vector<Row> p;
  for (int row = 0; row < tree.size(); ++row) p.emplace_back(vocab)[static_cast<size_t>(tree.depth(row)) + 1] = 1;
  const Tensor rows = tensor_of(p);
  const Keyring keys(0);
  KeyedChance chance(keys, 0, 1);
  return 1.0 + static_cast<double>(rule.verify(tree, {.p = rows, .chance = chance}).path.size());
}

// The mean over all ways in which `count` phrases, each right up to a token with alpha, may be right.
double mean_kept(const Verifier& rule, double alpha, int length, int count, std::vector<int>& right, double mass) {
  if (static_cast<int>(right.size()) == count) return mass * kept_of(rule, right, length);
  double sum = 0;
  for (int i = 0; i <= length; ++i) {
    right.push_back(i);
    const double chance = std::pow(alpha, i) * (i < length ? 1 - alpha : 1);
    sum += mean_kept(rule, alpha, length, count, right, mass * chance);
    right.pop_back();
  }
  return sum;
}

// What the paper expects of b speculations of gamma tokens.
double scaling_law(double alpha, int length, int count) {
  double tokens = length + 1;
  for (int i = 1; i <= length; ++i) tokens -= std::pow(1 - std::pow(alpha, i), count);
  return tokens;
}

PaperChecks on_toys(const Registries& registries) {
  const auto rule = rule_of(registries, "greedy_match");
  PaperChecks checks;
  for (const double alpha : {.3, .6, .8}) {
    for (const auto& [length, count] : std::vector<std::pair<int, int>>{{4, 1}, {4, 2}, {4, 4}, {2, 5}}) {
      std::vector<int> right;
      checks.push_back(equals({cat("tokens a round: alpha ", alpha, ", b ", count, ", gamma ", length),
                               "section 4, E = (g+1) - sum (1 - a^i)^b"},
                              mean_kept(*rule, alpha, length, count, right, 1), scaling_law(alpha, length, count),
                              1e-9));
    }
  }
  for (const int ngram : {3, 5}) {
    const ToyText text = toy_text(registries, cat("lookahead(window=8,ngram=", ngram, ",guesses=8)"), 2);
    checks.push_back(keeps_the_text({cat("greedy text is the target's: N ", ngram), "section 3"}, text));
    checks.push_back(equals({cat("most tokens of a round on a text that repeats itself: N ", ngram), "section 3, N"},
                            most_kept(text), ngram, 0));
  }
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  const auto tau = [&](const char* arm) { return runs.value("greedy", arm, "tau"); };
  return {at_least({"tokens a round, window 15 over window 5", "section 4, grow with W and G"},
                   tau("window-15") / tau("window-5"), 1)};
}

}  // namespace

Paper lookahead2024() {
  return {.name = "lookahead2024",
          .reference = "Fu et al. 2024, arXiv 2402.02057",
          .claim = "The target guesses n-grams in the pass that verifies; b guesses of g tokens follow a scaling law.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
