#include "drafters/prompt_lookup.h"

#include "framework/decode/each_sequence.h"
#include "framework/lookup/ngram_index.h"
#include "framework/lookup/per_sequence.h"

namespace specula {
namespace {

struct Options {
  int max_ngram = 3;
  int min_ngram = 1;
  int length = 10;
  std::string match = "last";
  template <class V>
  void visit(V& v) {
    v("max_ngram", max_ngram, 1, 64, "longest suffix that is looked up", "tokens");
    v("min_ngram", min_ngram, 1, 64, "shortest suffix that is looked up; at most max_ngram", "tokens");
    v("length", length, 1, 512, "tokens copied from behind the match", "tokens");
    v("match", match, {"first", "last"}, "which earlier occurrence is copied from when there are several");
  }
};

// Where an n-gram was first and last followed by something.
struct Occurrences {
  int32_t first = -1, last = -1;
  void add(Token /*token*/, int64_t at) {
    last = static_cast<int32_t>(at);
    if (first < 0) first = last;
  }
};
using Index = NgramIndex<Occurrences>;

class PromptLookup final : public Drafter {
 public:
  explicit PromptLookup(Options options)
      : options_(std::move(options)),
        sequences_([shortest = options_.min_ngram, longest = options_.max_ngram] { return Index(shortest, longest); }) {
  }

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& /*prefill*/) override {
    sequences_.begin(prefixes, requests);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& text) {
      const Index& index = sequences_.at(b, round.requests[b], text);
      return DraftTree::chain_of_points(text.back(), copied(index, text, round.depth_limit(b, options_.length)));
    });
  }

 private:
  std::vector<Token> copied(const Index& index, const Prefix& text, int length) const {
    int64_t from = -1;
    index.look_up(text, [&](int n, const Occurrences& found) {
      from = options_.match == "first" ? found.first : found.last;
      if (!follows_suffix(text, from, n)) from = -1;
      return from >= 0;
    });
    if (from < 0) return {};
    return {text.begin() + from, text.begin() + std::min<int64_t>(from + length, static_cast<int64_t>(text.size()))};
  }

  Options options_;
  PerSequence<Index> sequences_;
};

}  // namespace

Registry<Drafter>::Entry prompt_lookup() {
  return drafter_entry<PromptLookup, Options>(
      "prompt_lookup", "Copies what followed the last earlier occurrence of the text's last tokens.",
      "Saxena 2023; Yang et al. 2023", [](const Options& options) {
        if (options.min_ngram > options.max_ngram) {
          throw ConfigError(
              cat("prompt_lookup min_ngram = ", options.min_ngram, " is more than max_ngram = ", options.max_ngram));
        }
        return Facts{.laws = {Draw::kPoint},
                     .memory = cat(51 * (options.max_ngram - options.min_ngram + 1), " B a token of the text")};
      });
}

}  // namespace specula
