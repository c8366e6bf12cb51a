#include "drafters/token_recycling.h"

#include <algorithm>
#include <optional>
#include <queue>

#include "framework/decode/each_sequence.h"
#include "framework/decode/top_tokens.h"
#include "framework/lookup/flat_map.h"

namespace specula {
namespace {

struct Options {
  int width = 8;
  int nodes = 24;
  int length = 6;
  double hit = 0.4;
  bool from_prompt = true;
  std::string scope = "request";
  template <class V>
  void visit(V& v) {
    v("width", width, 1, 64, "successors remembered of a token", "tokens");
    v("nodes", nodes, 1, 511, "rows of the template, at most", "tokens");
    v("length", length, 1, 64, "depth of the template, at most", "tokens");
    v("hit", hit, 0.01, 0.99, "probability assumed of the first successor; the template is balanced by it");
    v("from_prompt", from_prompt, "begins with the successors in the prompt instead of none");
    v("scope", scope, {"request", "run"}, "run: a request begins with what finished requests have learned");
  }
};

// The template in the order of gain, so that its first n nodes are the best tree of n.
struct Template {
  std::vector<int> parent{-1}, rank{-1}, depth{0};  // node 0 is the root
};

Template balanced(const Options& options) {
  struct Candidate {
    double gain;
    int order, parent, rank;
    bool operator<(const Candidate& other) const {
      return gain != other.gain ? gain < other.gain : order > other.order;
    }
  };
  Template t;
  std::priority_queue<Candidate> candidates;
  int order = 0;
  candidates.push({options.hit, order, 0, 0});
  while (!candidates.empty() && static_cast<int>(t.parent.size()) <= options.nodes) {
    const Candidate best = candidates.top();
    candidates.pop();
    const auto node = static_cast<int>(t.parent.size());
    const int depth = t.depth[static_cast<size_t>(best.parent)] + 1;
    t.parent.push_back(best.parent);
    t.rank.push_back(best.rank);
    t.depth.push_back(depth);
    if (best.rank + 1 < options.width)
      candidates.push({best.gain * (1 - options.hit), ++order, best.parent, best.rank + 1});
    if (depth < options.length) candidates.push({best.gain * options.hit, ++order, node, 0});
  }
  return t;
}

// The matrix, of the tokens that were seen.
class Successors {
 public:
  explicit Successors(int width) : width_(static_cast<size_t>(width)) {}

  // [width] Those of the token, made if there are none.
  std::span<Token> of(Token token) {
    int32_t& row = row_of_[static_cast<uint32_t>(token)];
    if (row == 0) {
      token_.push_back(token);
      next_.resize(next_.size() + width_, -1);
      row = static_cast<int32_t>(token_.size());
    }
    return {&next_[(static_cast<size_t>(row) - 1) * width_], width_};
  }
  Token at(Token token, int rank) const {
    const int32_t* row = row_of_.find(static_cast<uint32_t>(token));
    return row == nullptr ? -1 : next_[(static_cast<size_t>(*row) - 1) * width_ + static_cast<size_t>(rank)];
  }
  bool has(Token token) const { return row_of_.find(static_cast<uint32_t>(token)) != nullptr; }

  // Seen to follow: the latest has rank 0.
  void add(Token token, Token next) {
    const std::span<Token> row = of(token);
    auto place = std::find(row.begin(), row.end() - 1, next);
    std::move_backward(row.begin(), place, place + 1);
    row.front() = next;
  }
  void overwrite_with(const Successors& newer) {
    for (size_t i = 0; i < newer.token_.size(); ++i) {
      const std::span<Token> row = of(newer.token_[i]);
      std::copy_n(newer.next_.begin() + static_cast<int64_t>(i * width_), width_, row.begin());
    }
  }

 private:
  size_t width_;
  FlatMap<int32_t> row_of_;   // from 1
  std::vector<Token> token_;  // of each row
  std::vector<Token> next_;   // [rows, width], -1: none
};

class TokenRecycling final : public Drafter {
 public:
  explicit TokenRecycling(Options options)
      : options_(std::move(options)), template_(balanced(options_)), finished_(options_.width) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& /*prefill*/) override {
    sequences_.clear();
    for (size_t b = 0; b < prefixes.size(); ++b) {
      Successors& own = sequence(b, requests[b]);
      if (!options_.from_prompt) continue;
      for (size_t i = 1; i < prefixes[b].size(); ++i) {
        if (!finished_.has(prefixes[b][i - 1])) own.add(prefixes[b][i - 1], prefixes[b][i]);
      }
    }
  }

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& /*text*/) { return filled(round, b); });
  }

  // Rows of one token overwrite each other: the path that was accepted comes last.
  void observe(const Feedback& feedback) override {
    const Tensor& logits = feedback.target.logits;  // [B,R,V]
    SPECULA_CHECK(logits.dim() == 3 && logits.is_contiguous(), "logits of ", logits.dim(), " axes");
    const auto rows = static_cast<size_t>(logits.size(1)), vocab = static_cast<size_t>(logits.size(2));
    for (size_t b = 0; b < feedback.drafts.size(); ++b) {
      const DraftTree& tree = feedback.drafts[b];
      if (tree.size() == 0) continue;
      Successors& own = sequence(b, feedback.requests[b]);
      const float* of_tree = logits.const_data_ptr<float>() + b * rows * vocab;
      const auto learn = [&](int row) {
        top_tokens({of_tree + static_cast<size_t>(row) * vocab, vocab}, own.of(tree.token[static_cast<size_t>(row)]));
      };
      const std::vector<int>& path = feedback.verdicts[b].path;
      for (int row = 1; row < tree.size(); ++row) {
        if (!std::binary_search(path.begin(), path.end(), row)) learn(row);
      }
      learn(0);
      for (const int row : path) learn(row);
    }
  }

  void finish(int64_t request, const Prefix& /*text*/) override {
    if (options_.scope != "run") return;
    for (const Sequence& sequence : sequences_) {
      if (sequence.own && sequence.request == request) finished_.overwrite_with(*sequence.own);
    }
  }

 private:
  struct Sequence {
    int64_t request = 0;
    std::optional<Successors> own{};
  };

  Successors& sequence(size_t b, int64_t request) {
    if (b >= sequences_.size()) sequences_.resize(b + 1);
    Sequence& found = sequences_[b];
    if (!found.own || found.request != request) found = {request, Successors(options_.width)};
    return *found.own;
  }

  DraftTree filled(const Round& round, size_t b) {
    const Successors& own = sequence(b, round.requests[b]);
    const int depth = round.depth_limit(b, options_.length);
    DraftTree tree = DraftTree::root_only(round.prefixes[b].back());
    std::vector<int> row_of(template_.parent.size(), -1);
    row_of[0] = 0;
    for (size_t node = 1; node < row_of.size() && tree.size() < round.row_budget; ++node) {
      const int parent = row_of[static_cast<size_t>(template_.parent[node])];
      if (parent < 0 || template_.depth[node] > depth) continue;
      const Token above = tree.token[static_cast<size_t>(parent)];
      const Token next = (own.has(above) ? own : finished_).at(above, template_.rank[node]);
      if (next >= 0) row_of[node] = tree.add(next, parent, Draw::kPoint);
    }
    return tree;
  }

  Options options_;
  Template template_;
  std::vector<Sequence> sequences_;
  Successors finished_;
};

}  // namespace

Registry<Drafter>::Entry token_recycling() {
  return drafter_entry<TokenRecycling, Options>(
      "token_recycling", "A tree of the successors that the target last named for each token.", "Luo et al. 2024",
      [](const Options& options) {
        return Facts{.laws = {Draw::kPoint},
                     .trees = options.nodes > 1,
                     .scope = options.scope == "run" ? Scope::kRun : Scope::kRequest,
                     .memory = cat(4 * options.width + 55, " B a token of the vocabulary that was seen")};
      });
}

}  // namespace specula
