// branch_split: the tree of llama.cpp's `speculative`.  Every branch goes on with its most likely token, and splits on
// each further one whose probability exceeds `p_split`, up to seven, while there are fewer than `branches`.  Whether a
// token is drafted depends on its own probability, so the rows are points.  Costs `depth` passes of at most `branches`
// rows.  Licence: Apache-2.0.
#include "framework/decode/trees/shapes.h"

namespace specula {
namespace {

constexpr int kAlternatives = 7;  // llama.cpp, examples/speculative

struct Options {
  double p_split = 0.1;
  int branches = 4, depth = 8, nodes = 64;
  template <class V>
  void visit(V& v) {
    v("p_split", p_split, 0.0, 1.0, "a token of greater probability than this opens a branch");
    v("branches", branches, 1, 64, "at most", "branches");
    v("depth", depth, 1, kMaxTreeDepth, "of the deepest row", "tokens");
    v("nodes", nodes, 2, kMaxTreeRows, "rows at most, root included", "rows");
  }
};

class Splitting final : public Grower {
 public:
  explicit Splitting(const Options& options) : options_(options) {}

  std::vector<int> grow(GrowingTree& tree) override {
    std::vector<int> tips;
    for (const int row : tips_) {
      for (int rank = 0; rank <= kAlternatives && tree.size() < options_.nodes; ++rank) {
        if (rank > 0 && (branches_ == options_.branches || !is_likely(tree, row, rank))) break;
        const int child = tree.add_child(row);
        if (child < 0) break;
        tips.push_back(child);
        if (rank > 0) ++branches_;
      }
    }
    tips_ = std::move(tips);
    if (tips_.empty() || !tree.may_grow(tips_[0]) || tree.size() == options_.nodes) return {};
    return tips_;
  }

 private:
  bool is_likely(const GrowingTree& tree, int row, int rank) const {
    return tree.ranked_mass(row, rank) > options_.p_split * tree.mass(row);
  }

  const Options& options_;
  std::vector<int> tips_{0};
  int branches_ = 1;
};

class BranchSplit final : public TreeShape {
 public:
  explicit BranchSplit(const Options& options) : options_(options) {}
  int depth() const override { return options_.depth; }
  int width() const override { return kAlternatives + 1; }
  std::unique_ptr<Grower> start() const override { return std::make_unique<Splitting>(options_); }

 private:
  Options options_;
};

}  // namespace

Registry<TreeShape>::Entry branch_split_shape() {
  return shape_entry<BranchSplit, Options>("branch_split", "Branches split on likely tokens.",
                                           "llama.cpp, examples/speculative",
                                           [](const Options&) { return Facts{.laws = {Draw::kPoint}}; });
}

}  // namespace specula
