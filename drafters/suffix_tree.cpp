#include "drafters/suffix_tree.h"

#include <map>

#include "framework/decode/each_sequence.h"
#include "framework/lookup/per_sequence.h"
#include "framework/lookup/suffix_draft.h"

namespace specula {
namespace {

struct Options {
  int max_tree_depth = 64;
  double factor = 1;
  double offset = 0;
  double min_token_prob = 0.1;
  int length = 32;
  bool tree = false;
  std::string scope = "request";
  int64_t max_cached_requests = 10000;
  int64_t max_cached_tokens = 10000000;
  template <class V>
  void visit(V& v) {
    v("max_tree_depth", max_tree_depth, 2, 512, "longest match and its draft together", "tokens");
    v("factor", factor, 0.0, 64.0, "tokens drafted for each token of the match, at most");
    v("offset", offset, 0.0, 512.0, "tokens drafted beyond factor * match, at most", "tokens");
    v("min_token_prob", min_token_prob, 0.0, 1.0, "a token is drafted if its path is at least as likely, by counts");
    v("length", length, 1, 511, "tokens drafted in a round, at most", "tokens");
    v("tree", tree, "drafts a tree of likely paths instead of the likeliest chain");
    v("scope", scope, {"request", "run"}, "run: outputs of finished requests are looked up too");
    v("max_cached_requests", max_cached_requests, 1, 100000000,
      "finished requests kept; the oldest leave (scope = run)");
    v("max_cached_tokens", max_cached_tokens, 1, 1000000000, "their tokens in all; the oldest leave (scope = run)",
      "tokens");
  }
};

class SuffixTreeDrafter final : public Drafter {
 public:
  explicit SuffixTreeDrafter(Options options)
      : options_(std::move(options)),
        sequences_([depth = options_.max_tree_depth] {
          return Sequence{SuffixTree(depth), {}};
        }),
        finished_(options_.max_tree_depth) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& /*prefill*/) override {
    sequences_.begin(prefixes, requests);
    prompts_.clear();
    for (size_t b = 0; b < prefixes.size(); ++b) prompts_[requests[b]] = prefixes[b].size();
  }

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& /*text*/) { return draft(round, b); });
  }

  // Outputs alone: a prompt is known to its own request anyway.
  void finish(int64_t request, const Prefix& text) override {
    if (options_.scope != "run") return;
    const auto prompt = prompts_.find(request);
    for (size_t at = prompt != prompts_.end() ? prompt->second : 0; at < text.size(); ++at) finished_.append(text[at]);
    finished_.end_text();
    ++texts_;
    while (texts_ > options_.max_cached_requests || finished_.suffixes() > options_.max_cached_tokens + texts_) {
      while (!finished_.forget_suffix()) continue;
      --texts_;
    }
  }

 private:
  struct Sequence {
    SuffixTree own;
    SuffixMatch others;
    void append(const Prefix& text, int64_t at) { own.append(text[static_cast<size_t>(at)]); }
  };

  DraftTree draft(const Round& round, size_t b) {
    const Prefix& text = round.prefixes[b];
    Sequence& sequence = sequences_.at(b, round.requests[b], text);
    const int depth = round.depth_limit(b, options_.length);
    if (depth == 0) return DraftTree::root_only(text.back());
    Growth best;
    choose(sequence.own, sequence.own.cursors(), {round.row_budget - 1, depth}, best);
    if (texts_ > 0) choose(finished_, sequence.others.places(finished_, text), {round.row_budget - 1, depth}, best);
    PointTree tree(text.back(), round.row_budget, depth);
    tree.add(best);
    return tree.take();
  }

  struct Room {
    int rows, depth;
  };
  // Of equal scores the longer match wins, and the request's own tree.
  void choose(const SuffixTree& tree, std::span<const SuffixTree::Place> matches, const Room& room,
              Growth& best) const {
    Growth growth;
    for (size_t i = 0; i < matches.size(); ++i) {
      const auto match = static_cast<int>(matches.size() - i);
      const double allowed = options_.factor * match + options_.offset;
      const int tokens = static_cast<int>(std::min<double>(allowed, std::min(options_.length, room.rows)));
      // The probabilities of a draft's rows sum to at most 1 at each depth.
      if (std::min({tokens, room.depth, tree.depth() - match}) <= best.score) continue;
      grow(tree, matches[i],
           {.tokens = tokens, .depth = room.depth, .least = options_.min_token_prob, .chain = !options_.tree}, growth);
      if (growth.score > best.score) std::swap(growth, best);
    }
  }

  Options options_;
  PerSequence<Sequence> sequences_;
  std::map<int64_t, size_t> prompts_;  // lengths, by request
  SuffixTree finished_;
  int64_t texts_ = 0;  // in it
};

}  // namespace

Registry<Drafter>::Entry suffix_tree() {
  return drafter_entry<SuffixTreeDrafter, Options>(
      "suffix_tree", "Drafts what most often followed where the text's last tokens occurred before.",
      "Oliaro et al. 2024", [](const Options& options) {
        const bool run = options.scope == "run";
        return Facts{
            .laws = {Draw::kPoint},
            .trees = options.tree,
            .scope = run ? Scope::kRun : Scope::kRequest,
            .memory = cat("about 140 B a token of the text",
                          run ? cat(" and of ", options.max_cached_tokens, " tokens of finished outputs") : "")};
      });
}

}  // namespace specula
