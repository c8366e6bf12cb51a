#include "drafters/prompt_lookup.h"

#include <algorithm>

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

// Where in `text` the token after an earlier occurrence of its last n tokens stands; -1: nowhere.
int64_t after_match(const Prefix& text, int64_t n, bool first) {
  const auto size = static_cast<int64_t>(text.size());
  const auto suffix = text.end() - n;
  const auto matches = [&](int64_t at) { return std::equal(suffix, text.end(), text.begin() + at); };
  if (first) {
    for (int64_t at = 0; at + n < size; ++at) {
      if (matches(at)) return at + n;
    }
  } else {
    for (int64_t at = size - n - 1; at >= 0; --at) {
      if (matches(at)) return at + n;
    }
  }
  return -1;
}

class PromptLookup final : public Drafter {
 public:
  explicit PromptLookup(Options options) : options_(std::move(options)) {}

  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees(round.prefixes.size());
    for (size_t b = 0; b < trees.size(); ++b) {
      if (round.done[b] != 0) continue;
      const Prefix& text = round.prefixes[b];
      trees[b] = DraftTree::chain_of_points(text.back(), continuation(text, round.depth_limit(b, options_.length)));
    }
    return trees;
  }

 private:
  std::vector<Token> continuation(const Prefix& text, int length) const {
    const auto size = static_cast<int64_t>(text.size());
    for (int64_t n = std::min<int64_t>(options_.max_ngram, size - 1); n >= options_.min_ngram; --n) {
      const int64_t from = after_match(text, n, options_.match == "first");
      if (from < 0) continue;
      return {text.begin() + from, text.begin() + std::min<int64_t>(from + length, size)};
    }
    return {};
  }

  Options options_;
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
        return Facts{.laws = {Draw::kPoint}};
      });
}

}  // namespace specula
