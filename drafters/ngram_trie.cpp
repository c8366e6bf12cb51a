#include "drafters/ngram_trie.h"

#include <cmath>

#include "framework/decode/each_sequence.h"
#include "framework/lookup/per_sequence.h"
#include "framework/lookup/suffix_draft.h"

namespace specula {
namespace {

struct Options {
  int min_window = 1;
  int max_window = 12;
  int max_depth = 18;
  int nodes = 12;
  std::string expansion = "recency";
  int min_breadth = 1;
  int max_breadth = 10;
  int64_t capacity = 1000000;
  std::string scope = "request";
  template <class V>
  void visit(V& v) {
    v("min_window", min_window, 1, 255, "shortest match of the last tokens", "tokens");
    v("max_window", max_window, 1, 255, "longest match of the last tokens; less than max_depth", "tokens");
    v("max_depth", max_depth, 2, 256, "longest match and its draft together", "tokens");
    v("nodes", nodes, 1, 511, "rows drafted in a round, at most", "tokens");
    v("expansion", expansion, {"recency", "frequency"}, "which continuations are drafted first");
    v("min_breadth", min_breadth, 1, 64, "children drafted of a row after the longest match (recency)");
    v("max_breadth", max_breadth, 1, 64, "children drafted of a row after the shortest match (recency)");
    v("capacity", capacity, 1, 1000000000, "tokens remembered; the oldest are forgotten", "tokens");
    v("scope", scope, {"request", "run"}, "run: texts of finished requests are looked up too");
  }
};

class NgramTrie final : public Drafter {
 public:
  explicit NgramTrie(Options options)
      : options_(std::move(options)),
        sequences_([depth = options_.max_depth, most = options_.capacity] {
          return Sequence{SuffixTree(depth), {}, most};
        }),
        finished_(options_.max_depth) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& /*prefill*/) override {
    sequences_.begin(prefixes, requests);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& /*text*/) { return draft(round, b); });
  }

  void finish(int64_t /*request*/, const Prefix& text) override {
    if (options_.scope != "run") return;
    for (const Token token : text) finished_.append(token);
    finished_.end_text();
    while (finished_.suffixes() > options_.capacity) finished_.forget_suffix();
  }

 private:
  struct Sequence {
    SuffixTree own;
    SuffixMatch others;
    int64_t most;
    void append(const Prefix& text, int64_t at) {
      own.append(text[static_cast<size_t>(at)]);
      while (own.suffixes() > most) own.forget_suffix();
    }
  };
  using Matches = std::span<const SuffixTree::Place>;  // the longest first, the last of one token

  DraftTree draft(const Round& round, size_t b) {
    const Prefix& text = round.prefixes[b];
    Sequence& sequence = sequences_.at(b, round.requests[b], text);
    const int depth = round.depth_limit(b, options_.max_depth);
    PointTree tree(text.back(), std::min(options_.nodes + 1, round.row_budget), depth);
    if (depth == 0) return tree.take();
    const Matches own = sequence.own.cursors();
    const Matches others = finished_.suffixes() > 0 ? Matches(sequence.others.places(finished_, text)) : Matches();
    for (int window = options_.max_window; window >= options_.min_window && !tree.is_full(); --window) {
      expand(sequence.own, own, window, tree);
      expand(finished_, others, window, tree);
    }
    return tree.take();
  }

  void expand(const SuffixTree& from, const Matches& matches, int window, PointTree& tree) const {
    if (static_cast<size_t>(window) > matches.size()) return;
    const SuffixTree::Place place = matches[matches.size() - static_cast<size_t>(window)];
    if (options_.expansion == "recency") {
      by_recency(from, place, window, tree);
    } else {
      Growth growth;
      grow(from, place, {.tokens = options_.nodes, .depth = options_.max_depth, .least = 0, .chain = false}, growth);
      tree.add(growth);
    }
  }

  // Breadth first; a match that is one token shorter has so much more breadth, and a row that is one deeper less.
  void by_recency(const SuffixTree& from, const SuffixTree::Place& place, int window, PointTree& tree) const {
    const double slope = static_cast<double>(options_.max_breadth - options_.min_breadth) /
                         std::max(1, options_.max_window - options_.min_window);
    struct Open {
      SuffixTree::Place place;
      int row;
      double breadth;
    };
    std::vector<Open> queue{{place, 0, options_.min_breadth + (options_.max_window - window) * slope}};
    std::vector<SuffixTree::Child> children;
    for (size_t next = 0; next < queue.size() && !tree.is_full(); ++next) {
      const Open open = queue[next];
      const double below = std::max<double>(open.breadth - slope, options_.min_breadth);
      const std::span<const Token> run = from.run(open.place);
      if (!run.empty()) {
        const int row = tree.add(run.front(), open.row);
        if (row >= 0) queue.push_back({{open.place.node, open.place.offset + 1}, row, below});
        continue;
      }
      from.latest(open.place.node, static_cast<int>(std::lround(open.breadth)), children);
      for (const SuffixTree::Child& child : children) {
        const int row = child.token == SuffixTree::kEnd ? -1 : tree.add(child.token, open.row);
        if (row >= 0) queue.push_back({{child.node, 1}, row, below});
      }
    }
  }

  Options options_;
  PerSequence<Sequence> sequences_;
  SuffixTree finished_;
};

void check(const Options& options) {
  if (options.min_window > options.max_window) {
    throw ConfigError(
        cat("ngram_trie min_window = ", options.min_window, " is more than max_window = ", options.max_window));
  }
  if (options.max_window >= options.max_depth) {
    throw ConfigError(cat("ngram_trie max_window = ", options.max_window,
                          " leaves nothing to draft of max_depth = ", options.max_depth, "; it must be less"));
  }
  if (options.min_breadth > options.max_breadth) {
    throw ConfigError(
        cat("ngram_trie min_breadth = ", options.min_breadth, " is more than max_breadth = ", options.max_breadth));
  }
  if (options.capacity < 2 * options.max_depth) {
    throw ConfigError(
        cat("ngram_trie capacity = ", options.capacity, " is less than twice max_depth = ", options.max_depth));
  }
}

}  // namespace

Registry<Drafter>::Entry ngram_trie() {
  return drafter_entry<NgramTrie, Options>(
      "ngram_trie", "Drafts a tree of what followed the last tokens before, by recency or frequency.",
      "SGLang's n-gram speculation; Oliaro et al. 2024", [](const Options& options) {
        check(options);
        const bool run = options.scope == "run";
        return Facts{.laws = {Draw::kPoint},
                     .trees = options.nodes > 1,
                     .scope = run ? Scope::kRun : Scope::kRequest,
                     .memory = cat("about 140 B a token of the text", run ? " and of finished texts" : "", ", ",
                                   options.capacity, " tokens at most")};
      });
}

}  // namespace specula
