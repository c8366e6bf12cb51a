// dynamic: the beam of EAGLE-2 (Li et al. 2024).  At each depth the `top_k` rows of greatest path probability get
// `top_k` children each, and in the end the `nodes` - 1 best of all that were found are kept; a parent is never less
// likely than its child, so it stays.  Ranked and pruned, so the rows are points at every temperature.  Costs `depth`
// passes of the draft model, of at most `top_k` rows.  Licence: Apache-2.0.
#include <algorithm>
#include <numeric>

#include "framework/decode/trees/shapes.h"

namespace specula {
namespace {

struct Options {
  int top_k = 10, depth = 6, nodes = 60;
  template <class V>
  void visit(V& v) {
    v("top_k", top_k, 1, 64, "rows expanded at each depth, and children of each", "rows");
    v("depth", depth, 1, kMaxTreeDepth, "of the deepest row", "tokens");
    v("nodes", nodes, 2, kMaxTreeRows, "rows kept, root included", "rows");
  }
};

// Those first that are likelier, of equals the one that was found first: parents before their children.
void sort_by_mass(std::vector<int>& rows, const GrowingTree& tree) {
  std::stable_sort(rows.begin(), rows.end(), [&](int a, int b) { return tree.mass(a) > tree.mass(b); });
}

class Beam final : public Grower {
 public:
  explicit Beam(const Options& options) : options_(options) {}

  std::vector<int> grow(GrowingTree& tree) override {
    std::vector<int> found;
    for (const int row : beam_) {
      for (int i = 0; i < options_.top_k; ++i) {
        const int child = tree.add_child(row);
        if (child < 0) break;
        found.push_back(child);
      }
    }
    sort_by_mass(found, tree);
    found.resize(std::min(found.size(), static_cast<size_t>(options_.top_k)));
    beam_ = found;
    if (beam_.empty() || !tree.may_grow(beam_[0])) return {};
    return beam_;
  }

  std::vector<int> keep(const GrowingTree& tree, int rows) const override {
    std::vector<int> kept(static_cast<size_t>(tree.size()));
    std::iota(kept.begin(), kept.end(), 0);
    sort_by_mass(kept, tree);
    kept.resize(std::min(kept.size(), static_cast<size_t>(std::min(rows, options_.nodes))));
    std::sort(kept.begin(), kept.end());
    return kept;
  }

 private:
  const Options& options_;
  std::vector<int> beam_{0};
};

class Dynamic final : public TreeShape {
 public:
  explicit Dynamic(const Options& options) : options_(options) {}
  int depth() const override { return options_.depth; }
  int width() const override { return options_.top_k; }
  bool prunes() const override { return true; }
  std::unique_ptr<Grower> start() const override { return std::make_unique<Beam>(options_); }

 private:
  Options options_;
};

}  // namespace

Registry<TreeShape>::Entry dynamic_shape() {
  return shape_entry<Dynamic, Options>("dynamic", "A beam by path probability, reranked in the end.",
                                       "Li et al. 2024 (EAGLE-2)",
                                       [](const Options&) { return Facts{.laws = {Draw::kPoint}}; });
}

}  // namespace specula
