#include "drafters/random_tree.h"

#include <ATen/ops/full.h>

#include <algorithm>

#include "framework/decode/each_sequence.h"

namespace specula {
namespace {

struct Options {
  int nodes = 8;
  int children = 3;
  int depth = 6;
  std::string law = "point";
  template <class V>
  void visit(V& v) {
    v("nodes", nodes, 1, 4096, "rows below the root", "rows");
    v("children", children, 1, 64, "most children of a row");
    v("depth", depth, 1, 256, "most rows from the root down", "rows");
    v("law", law, {"point", "iid", "without_replacement"}, "what the tree says of its tokens");
  }
  Draw draw() const {
    if (law == "iid") return Draw::kIid;
    return law == "point" ? Draw::kPoint : Draw::kWithoutReplacement;
  }
};

// The token that a uniform picks among those of the vocabulary that are not `taken`, which is sorted.
Token pick_other(double u, int64_t vocab, const std::vector<Token>& taken) {
  auto token = static_cast<Token>(u * static_cast<double>(vocab - static_cast<int64_t>(taken.size())));
  for (const Token other : taken) {
    if (token >= other) ++token;
  }
  return token;
}

class RandomTree final : public Drafter {
 public:
  explicit RandomTree(Options options) : options_(std::move(options)) {}

  std::vector<DraftTree> draft(const Round& round) override {
    return draft_each(round, [&](size_t b, const Prefix& /*text*/) { return tree(round, b); });
  }

 private:
  DraftTree tree(const Round& round, size_t b) const {
    const int64_t vocab = round.target.vocab();
    const int deepest = round.depth_limit(b, options_.depth);
    const Draw draw = options_.draw();
    const int64_t most_children = draw == Draw::kIid ? options_.children : std::min<int64_t>(options_.children, vocab);
    DraftTree tree = DraftTree::root_only(round.prefixes[b].back());
    std::vector<int> depth{0}, open;  // open: rows that may have another child
    std::vector<std::vector<Token>> taken{{}};
    if (deepest > 0) open.push_back(0);
    while (!open.empty() && tree.size() < std::min(options_.nodes + 1, round.row_budget)) {
      const int row = tree.size();
      const auto at = static_cast<size_t>(uniform(round, b, 2 * row) * static_cast<double>(open.size()));
      const int parent = open[at];
      const Token token =
          pick_other(uniform(round, b, 2 * row + 1), vocab, draw == Draw::kIid ? std::vector<Token>{} : taken[parent]);
      tree.add(token, parent, draw, draw == Draw::kPoint ? -1 : 0);
      taken[parent].insert(std::lower_bound(taken[parent].begin(), taken[parent].end(), token), token);
      if (static_cast<int64_t>(taken[parent].size()) == most_children) open.erase(open.begin() + at);
      depth.push_back(depth[parent] + 1);
      taken.emplace_back();
      if (depth.back() < deepest) open.push_back(row);
    }
    if (draw != Draw::kPoint) {
      tree.q = at::full({1, vocab}, 1.0 / static_cast<double>(vocab), at::kFloat);
      std::fill(tree.q_next.begin(), tree.q_next.end(), 0);
    }
    return tree;
  }

  static double uniform(const Round& round, size_t b, int index) {
    return round.keys.uniform(Use::kDraft, round.requests[b], round.starts[b], static_cast<uint32_t>(index));
  }

  Options options_;
};

}  // namespace

Registry<Drafter>::Entry random_tree() {
  return drafter_entry<RandomTree, Options>(
      "random_tree", "Trees of random shape and random tokens, of any law: for tests of rules.", "",
      [](const Options& options) {
        return Facts{.laws = {options.draw()}, .trees = true, .q_next = options.draw() != Draw::kPoint};
      });
}

}  // namespace specula
