#include "drafters/lookahead.h"

#include <algorithm>

#include "framework/lookup/phrase_pool.h"

namespace specula {
namespace {

struct Options {
  int window = 7;
  int ngram = 5;
  int guesses = 7;
  bool pool_from_prompt = true;
  template <class V>
  void visit(V& v) {
    v("window", window, 1, 128, "columns of the window (W)", "tokens");
    v("ngram", ngram, 2, 32, "length of an n-gram, its first token included (N); the window has N - 1 levels",
      "tokens");
    v("guesses", guesses, 1, 128, "n-grams that are kept and verified behind a token (G)", "n-grams");
    v("pool_from_prompt", pool_from_prompt, "the n-grams of the prompt are in the pool from the start");
  }
};

// The 2-D window of one sequence.  Level l, column c guesses the token l + c positions behind the root; level 0, column
// 0 is the root itself.
class Window {
 public:
  // Level 0 copies the end of the prompt.  It begins with a column more for each level that is still to be made, since
  // every round moves the window one column on.
  Window(const Options& options, const Prefix& prompt) : wanted_levels_(options.ngram - 1) {
    const auto columns = static_cast<size_t>(options.window + options.ngram - 2);
    levels_.emplace_back(columns);
    for (size_t c = 0; c < columns; ++c)
      levels_[0][c] = prompt[(prompt.size() * columns - columns + c) % prompt.size()];
  }

  int columns() const { return static_cast<int>(levels_[0].size()); }
  int rows() const { return columns() == 0 ? 0 : levels() * columns() - 1; }

  // Drops the columns that would be deeper than `depth` or more than `rows`.
  void fit(int depth, int rows) {
    const int most = std::clamp(std::min(depth - levels() + 2, (rows + 1) / levels()), 0, columns());
    for (std::vector<Token>& level : levels_) level.resize(static_cast<size_t>(most));
  }

  void add_probes(DraftTree& tree) const {
    std::vector<int> below(static_cast<size_t>(columns()), 0);  // of each column: the row of the level below
    for (int l = 0; l < levels(); ++l) {
      for (int c = 0; c < columns(); ++c) {
        if (l == 0 && c == 0) continue;
        const int parent = l == 0 ? below[c - 1] : below[c];
        below[c] = tree.add(levels_[l][c], parent, Draw::kProbe);
      }
    }
  }

  // Are these the probes of add_probes()?
  bool made(std::span<const Token> probes) const {
    if (columns() == 0 || static_cast<int>(probes.size()) != rows()) return false;
    auto at = probes.begin();
    for (size_t l = 0; l < levels_.size(); ++l) {
      const auto first = levels_[l].begin() + (l == 0 ? 1 : 0);
      if (!std::equal(first, levels_[l].end(), at)) return false;
      at += levels_[l].end() - first;
    }
    return true;
  }

  // Given what the target finds most likely after the last level (fresh[c], of column c) moves the window one position
  // on.  A whole column is an n-gram.
  void advance(Token root, std::vector<Token> fresh, PhrasePool& pool) {
    if (levels() < wanted_levels_) {
      levels_.push_back(std::move(fresh));
      for (std::vector<Token>& level : levels_) level.erase(level.begin());
      return;
    }
    for (size_t c = 0; c < fresh.size(); ++c) {
      std::vector<Token> phrase;
      for (size_t l = 1; l < levels_.size(); ++l) phrase.push_back(levels_[l][c]);
      phrase.push_back(fresh[c]);
      pool.add(c == 0 ? root : levels_[0][c], phrase);
    }
    levels_.erase(levels_.begin());
    levels_.push_back(std::move(fresh));
  }

 private:
  int levels() const { return static_cast<int>(levels_.size()); }

  int wanted_levels_;
  std::vector<std::vector<Token>> levels_;  // each of columns() tokens; [0][0] is not read
};

class Lookahead final : public Drafter {
 public:
  explicit Lookahead(Options options) : options_(options) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    sequences_.clear();
    for (const Prefix& prefix : prefixes) {
      sequences_.push_back({Window(options_, prefix), PhrasePool(options_.ngram - 1, options_.guesses)});
      if (options_.pool_from_prompt) sequences_.back().pool.add_text(prefix);
    }
  }

  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees(round.prefixes.size());
    for (size_t b = 0; b < trees.size(); ++b) {
      if (round.done[b] != 0) continue;
      auto& [window, pool] = sequences_[b];
      const Token root = round.prefixes[b].back();
      trees[b] = DraftTree::root_only(root);
      const int deepest = round.depth_limit(b, kDeepest), rows = round.row_budget - 1;
      // Where not all of it fits, either branch has half of the rows.
      window.fit(deepest, rows);
      const int candidates = std::max(rows - window.rows(), rows / 2);
      add_phrases(trees[b], 0, pool.after(root), {.depth = std::min(deepest, options_.ngram - 1), .rows = candidates});
      window.fit(deepest, rows - (trees[b].size() - 1));
      window.add_probes(trees[b]);
    }
    return trees;
  }

  void observe(const Feedback& feedback) override {
    for (size_t b = 0; b < feedback.drafts.size(); ++b) {
      const DraftTree& tree = feedback.drafts[b];
      if (tree.size() == 0) continue;
      auto& [window, pool] = sequences_[b];
      const auto first = std::find(tree.draw.begin(), tree.draw.end(), Draw::kProbe) - tree.draw.begin();
      if (!window.made(std::span(tree.token).subspan(static_cast<size_t>(first)))) continue;
      const Tensor logits = feedback.target.logits.select(0, static_cast<int64_t>(b));  // [R,V]
      std::vector<Token> fresh;
      for (int c = 0; c < window.columns(); ++c) {
        const int row = tree.size() - window.columns() + c;  // the root stands in for the one that is not a probe
        const Tensor answer = logits.select(0, row < first ? 0 : row);
        fresh.push_back(argmax(answer.const_data_ptr<float>(), answer.numel()));
      }
      window.advance(tree.token[0], std::move(fresh), pool);
    }
  }

 private:
  static constexpr int kDeepest = 1 << 20;  // whatever the round allows

  struct Sequence {
    Window window;
    PhrasePool pool;
  };
  Options options_;
  std::vector<Sequence> sequences_;
};

}  // namespace

Registry<Drafter>::Entry lookahead() {
  return drafter_entry<Lookahead, Options>(
      "lookahead", "The target's own Jacobi iterations beside the candidates fill a pool of n-grams.", "Fu et al. 2024",
      [](const Options& options) {
        return Facts{.laws = {Draw::kPoint},
                     .trees = options.guesses > 1,
                     .memory = cat("at most ", options.window, " n-grams of ", options.ngram,
                                   " tokens a round, and one for each token of the prompt")};
      });
}

}  // namespace specula
