#include "drafters/ngram_map.h"

#include <array>

#include "framework/decode/each_sequence.h"
#include "framework/lookup/ngram_index.h"
#include "framework/lookup/per_sequence.h"

namespace specula {
namespace {

constexpr int kContinuations = 4;

struct Options {
  int max_ngram = 4;
  int min_ngram = 2;
  int length = 10;
  int min_hits = 1;
  double share = 0.66;
  int branches = 1;
  template <class V>
  void visit(V& v) {
    v("max_ngram", max_ngram, 1, 64, "longest suffix that is looked up", "tokens");
    v("min_ngram", min_ngram, 1, 64, "shortest suffix that is looked up; at most max_ngram", "tokens");
    v("length", length, 1, 511, "tokens copied of a continuation", "tokens");
    v("min_hits", min_hits, 1, 1000000, "times that a continuation was seen before it is drafted");
    v("share", share, 0.0, 1.0, "part of its n-gram's hits that a continuation has if it is drafted");
    v("branches", branches, 1, kContinuations, "continuations drafted side by side, the most frequent first");
  }
};

struct Continuation {
  Token token = -1;
  int32_t hits = 0;  // 0: free
  int32_t at = 0;    // where it stood last
};

// The most frequent first, the latest of equals.  A fifth takes the place of the last.
struct Continuations {
  std::array<Continuation, kContinuations> found{};

  void add(Token token, int64_t at) {
    const auto stale = std::find_if(found.begin(), found.end() - 1,
                                    [&](const Continuation& c) { return c.hits == 0 || c.token == token; });
    const int32_t before = stale->token == token ? stale->hits : 0;
    const Continuation newest{token, std::min(before, 1 << 30) + 1, static_cast<int32_t>(at)};
    const auto place = std::find_if(found.begin(), stale, [&](const Continuation& c) { return c.hits <= newest.hits; });
    std::move_backward(place, stale, stale + 1);
    *place = newest;
  }
  int64_t hits() const {
    int64_t sum = 0;
    for (const Continuation& c : found) sum += c.hits;
    return sum;
  }
};
using Index = NgramIndex<Continuations>;

class NgramMap final : public Drafter {
 public:
  explicit NgramMap(Options options)
      : options_(options), sequences_([options] { return Index(options.min_ngram, options.max_ngram); }) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& /*prefill*/) override {
    sequences_.begin(prefixes, requests);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& text) {
      DraftTree tree = DraftTree::root_only(text.back());
      const int length = round.depth_limit(b, options_.length);
      for (const int64_t from : copied_from(sequences_.at(b, round.requests[b], text), text))
        copy(text, from, length, round.row_budget, tree);
      return tree;
    });
  }

 private:
  // The first n-gram that was followed often enough decides, though it may decide for nothing.
  std::vector<int64_t> copied_from(const Index& index, const Prefix& text) const {
    std::vector<int64_t> places;
    index.look_up(text, [&](int n, const Continuations& continuations) {
      const auto all = static_cast<double>(continuations.hits());
      bool decided = false;
      for (const Continuation& c : continuations.found) {
        if (c.hits < options_.min_hits || !follows_suffix(text, c.at, n)) continue;
        decided = true;
        if (c.hits >= options_.share * all && static_cast<int>(places.size()) < options_.branches)
          places.push_back(c.at);
      }
      return decided;
    });
    return places;
  }

  // Continuations begin with different tokens, so these are siblings.
  static void copy(const Prefix& text, int64_t from, int length, int row_budget, DraftTree& tree) {
    const int64_t end = std::min<int64_t>(from + length, static_cast<int64_t>(text.size()));
    int row = 0;
    for (int64_t at = from; at < end && tree.size() < row_budget; ++at)
      row = tree.add(text[static_cast<size_t>(at)], row, Draw::kPoint);
  }

  Options options_;
  PerSequence<Index> sequences_;
};

}  // namespace

Registry<Drafter>::Entry ngram_map() {
  return drafter_entry<NgramMap, Options>(
      "ngram_map", "Copies what followed the text's last tokens before, where one continuation dominates.",
      "llama.cpp's ngram-map-k4v; Saxena 2023", [](const Options& options) {
        if (options.min_ngram > options.max_ngram) {
          throw ConfigError(
              cat("ngram_map min_ngram = ", options.min_ngram, " is more than max_ngram = ", options.max_ngram));
        }
        return Facts{.laws = {Draw::kPoint},
                     .trees = options.branches > 1,
                     .memory = cat(180 * (options.max_ngram - options.min_ngram + 1), " B a token of the text")};
      });
}

}  // namespace specula
