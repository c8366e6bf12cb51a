#include "drafters/retrieval.h"

#include <algorithm>
#include <numeric>

#include "framework/decode/each_sequence.h"
#include "framework/lookup/suffix_index.h"

namespace specula {
namespace {

struct Options {
  FileName file;
  int max_span = 16;
  int min_span = 2;
  int length = 10;
  int nodes = 64;
  int matches = 128;
  std::string shape = "tree";
  template <class V>
  void visit(V& v) {
    v("file", file, "the corpus, made by specula train retrieval");
    v("max_span", max_span, 1, 64, "most of the text's last tokens that are looked up", "tokens");
    v("min_span", min_span, 1, 64, "fewest of them; at most max_span", "tokens");
    v("length", length, 1, 64, "depth of the draft", "tokens");
    v("nodes", nodes, 1, 511, "rows drafted, at most", "tokens");
    v("matches", matches, 1, 4096, "occurrences that are read, at most");
    v("shape", shape, {"tree", "chain"}, "chain: only the most frequent continuation");
  }
};

// The continuations of sorted suffixes, merged: a path is shared with the one before as far as they agree.
class Trie {
 public:
  struct Node {
    Token token;
    int parent, depth, count;  // parent -1: follows the text
  };

  void add(std::span<const uint32_t> tokens) {
    size_t shared = 0;
    while (shared < tokens.size() && shared < path_.size() &&
           nodes_[static_cast<size_t>(path_[shared])].token == static_cast<Token>(tokens[shared]))
      ++shared;
    path_.resize(shared);
    for (const uint32_t token : tokens.subspan(shared)) {
      const int parent = path_.empty() ? -1 : path_.back();
      path_.push_back(static_cast<int>(nodes_.size()));
      nodes_.push_back({static_cast<Token>(token), parent, static_cast<int>(path_.size()), 0});
    }
    for (const int node : path_) ++nodes_[static_cast<size_t>(node)].count;
  }

  const std::vector<Node>& nodes() const { return nodes_; }

  // The `most` most frequent, each after its parent, which is at least as frequent and was made before.
  std::vector<int> frequent(size_t most) const {
    std::vector<int> order(nodes_.size());
    std::iota(order.begin(), order.end(), 0);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(most, order.size()));
    std::partial_sort(order.begin(), end, order.end(), [&](int a, int b) {
      const int more = nodes_[static_cast<size_t>(a)].count, less = nodes_[static_cast<size_t>(b)].count;
      return more != less ? more > less : a < b;
    });
    return {order.begin(), end};
  }

 private:
  std::vector<Node> nodes_;
  std::vector<int> path_;  // of the last continuation
};

class Retrieval final : public Drafter {
 public:
  Retrieval(Options options, const Parts& parts) : options_(std::move(options)), corpus_(options_.file.path, parts) {}

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& text) {
      DraftTree tree = DraftTree::root_only(text.back());
      const int depth = round.depth_limit(b, options_.length);
      if (depth > 0) add_rows(continuations(text, depth), std::min(options_.nodes, round.row_budget - 1), tree);
      return tree;
    });
  }

 private:
  Trie continuations(const Prefix& text, int depth) const {
    Trie trie;
    SuffixIndex::Match match = corpus_.longest(text, options_.max_span);
    while (match.length >= options_.min_span) {
      const size_t read = std::min(match.range.count(), static_cast<size_t>(options_.matches));
      for (size_t i = 0; i < read; ++i) {
        const size_t rank = match.range.low + i * match.range.count() / read;
        trie.add(corpus_.following(rank, static_cast<size_t>(match.length), static_cast<size_t>(depth)));
      }
      if (!trie.nodes().empty() || --match.length < options_.min_span) break;  // else a document ended there each time
      match.range = corpus_.find({text.end() - match.length, text.end()});
    }
    return trie;
  }

  void add_rows(const Trie& trie, int most, DraftTree& tree) const {
    std::vector<int> row(trie.nodes().size(), 0);
    int end_of_chain = -1;
    for (const int node : trie.frequent(options_.shape == "tree" ? static_cast<size_t>(most) : row.size())) {
      const auto& [token, parent, depth, count] = trie.nodes()[static_cast<size_t>(node)];
      if (options_.shape == "chain") {
        if (parent != end_of_chain || tree.size() > most) continue;
        end_of_chain = node;
      }
      row[static_cast<size_t>(node)] = tree.add(token, parent < 0 ? 0 : row[static_cast<size_t>(parent)], Draw::kPoint);
    }
  }

  Options options_;
  SuffixIndex corpus_;
};

Facts facts_of(const Options& options) {
  if (options.min_span > options.max_span)
    throw ConfigError(cat("retrieval min_span = ", options.min_span, " is more than max_span = ", options.max_span));
  if (options.file.path.empty())
    throw ConfigError("retrieval lacks its file; `specula train retrieval` makes one of a corpus");
  read_corpus_head(options.file.path, kRetrievalKind);
  return {.laws = {Draw::kPoint},
          .trees = options.shape == "tree",
          .scope = Scope::kFile,
          .files = {options.file.path},
          .memory = "8 B a token of the corpus (mapped)"};
}

}  // namespace

Registry<Drafter>::Entry retrieval() {
  return drafter_entry<Retrieval, Options>(
      "retrieval", "Drafts a tree of what followed the text's last tokens in a corpus.", "He et al. 2023", facts_of);
}

}  // namespace specula
