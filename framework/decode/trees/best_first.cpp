// best_first: the next row goes where it is most likely to be accepted, until the budget is spent.  Of points that
// gives the `nodes` - 1 tokens of greatest path probability (OPT-Tree, Wang et al. 2024).  Drawn without replacement a
// row's worth is known before it is drawn: the probability of the path times the share that earlier siblings have left
// (DySpec, Xiong et al. 2024); nothing that was drawn is taken back, so the law is exact.  Costs about a pass a depth:
// when the best row was not fed yet, every other one that could still get a child is fed with it.  Licence: Apache-2.0.
#include <algorithm>

#include "framework/decode/trees/shapes.h"

namespace specula {
namespace {

struct Options {
  int nodes = 32, depth = 16;
  template <class V>
  void visit(V& v) {
    v("nodes", nodes, 2, kMaxTreeRows, "rows, root included", "rows");
    v("depth", depth, 1, kMaxTreeDepth, "of the deepest row at most", "tokens");
  }
};

class BestFirst final : public Grower {
 public:
  explicit BestFirst(const Options& options) : nodes_(options.nodes) {}

  std::vector<int> grow(GrowingTree& tree) override {
    for (const int row : asked_) push({tree.next_mass(row), row});
    while (tree.size() < nodes_ && tree.room() > 0 && !queue_.empty()) {
      if (!tree.is_known(queue_.front().row)) return asked_ = take_unknown(tree);
      const int row = pop().row;
      const int child = tree.add_child(row);
      if (child < 0) continue;
      if (tree.may_grow(child)) push({tree.mass(child), child});
      push({tree.next_mass(row), row});
    }
    return {};
  }

 private:
  struct Place {  // for a child of the row
    double mass;  // what it is worth; of a row that was not fed at most that
    int row;
  };
  static bool is_worse(const Place& a, const Place& b) {
    return a.mass < b.mass || (a.mass == b.mass && a.row > b.row);
  }

  void push(Place place) {
    if (!(place.mass > 0)) return;
    queue_.push_back(place);
    std::push_heap(queue_.begin(), queue_.end(), is_worse);
  }
  Place pop() {
    std::pop_heap(queue_.begin(), queue_.end(), is_worse);
    const Place best = queue_.back();
    queue_.pop_back();
    return best;
  }

  // The rows to feed: those among the best places, as many as there is room for.  Known ones stay.
  std::vector<int> take_unknown(const GrowingTree& tree) {
    const auto places = static_cast<size_t>(std::min(tree.room(), nodes_ - tree.size()));
    std::vector<Place> rest;
    std::vector<int> unknown;
    for (size_t taken = 0; taken < places && !queue_.empty(); ++taken) {
      const Place place = pop();
      if (tree.is_known(place.row)) {
        rest.push_back(place);
      } else {
        unknown.push_back(place.row);
      }
    }
    for (const Place& place : rest) push(place);
    std::sort(unknown.begin(), unknown.end());
    return unknown;
  }

  int nodes_;
  std::vector<Place> queue_;  // a heap
  std::vector<int> asked_{0};
};

class BestFirstShape final : public TreeShape {
 public:
  explicit BestFirstShape(const Options& options) : options_(options) {}
  int depth() const override { return options_.depth; }
  int width() const override { return options_.nodes - 1; }
  std::unique_ptr<Grower> start() const override { return std::make_unique<BestFirst>(options_); }

 private:
  Options options_;
};

}  // namespace

Registry<TreeShape>::Entry best_first_shape() {
  return shape_entry<BestFirstShape, Options>(
      "best_first", "Grows where a row is most likely to be accepted.",
      "Wang et al. 2024 (OPT-Tree); Xiong et al. 2024 (DySpec)",
      [](const Options&) { return Facts{.laws = {Draw::kWithoutReplacement}}; });
}

}  // namespace specula
