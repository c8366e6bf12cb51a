// Saxena 2023, "Prompt Lookup Decoding".  Licence: Apache-2.0.
#include <algorithm>

#include "experiments/papers/paper.h"

namespace specula {
namespace {

constexpr int kNgram = 3, kLength = 10;

// The candidates of the paper's program: of the longest suffix of at most three tokens that occurred before, what
// followed its first occurrence.
std::vector<Token> candidates(const Prefix& text) {
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t n = std::min<int64_t>(kNgram, size - 1); n > 0; --n) {
    for (int64_t at = 0; at + n < size; ++at) {
      if (!std::equal(text.end() - n, text.end(), text.begin() + at)) continue;
      const int64_t from = at + n, to = std::min<int64_t>(from + kLength, size);
      return {text.begin() + from, text.begin() + to};
    }
  }
  return {};
}

// The share of rounds, but those at the end of the text, whose draft is that.
double share_as_published(const ToyText& text) {
  int64_t rounds = 0, same = 0;
  for (const ToyRound& round : text.rounds) {
    if (round.start + kLength >= static_cast<int64_t>(text.text.size())) continue;
    ++rounds;
    if (round.draft == candidates({text.text.begin(), text.text.begin() + round.start})) ++same;
  }
  return static_cast<double>(same) / static_cast<double>(rounds);
}

PaperChecks on_toys(const Registries& registries) {
  PaperChecks checks;
  for (const int order : {2, 3}) {
    const ToyText text =
        toy_text(registries, cat("prompt_lookup(match=first,max_ngram=", kNgram, ",length=", kLength, ")"), order);
    const std::string setting = cat(": text of order ", order);
    checks.push_back(
        equals({cat("share of drafts that are the published function's", setting), "find_candidate_pred_tokens"},
               share_as_published(text), 1, 0));
    checks.push_back(
        keeps_the_text({cat("greedy text is the target's", setting), "README, no change of the output"}, text));
    checks.push_back(equals({cat("most tokens of a round", setting), "README, num_pred_tokens = 10 and one"},
                            most_kept(text), kLength + 1, 0));
  }
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  return {not_binding(at_least({"speed-up on all prompts", "README, 2 to 4 on input-grounded tasks with 7B"},
                               runs.value("greedy", "lookup", "speedup"), 1))};
}

}  // namespace

Paper prompt_lookup2023() {
  return {.name = "prompt_lookup2023",
          .reference = "Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding",
          .claim = "Copying what followed an n-gram's earlier occurrence drafts for free where outputs repeat inputs.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
