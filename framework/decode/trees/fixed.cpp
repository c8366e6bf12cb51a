// fixed: always the same tree, from a file (tree_file.h).  A child of rank r is the r-th most likely token where
// points are wanted.  Drawn without replacement it is the r-th draw, which a rank that the file leaves out takes no
// part in; where q has fewer tokens than a node children, the last of them and all below are missing.  Costs a pass of
// the draft model a depth.  Licence: Apache-2.0.
#include <algorithm>

#include "framework/decode/tree_file.h"
#include "framework/decode/trees/shapes.h"

namespace specula {
namespace {

struct Options {
  std::string file;
  template <class V>
  void visit(V& v) {
    v("file", file, "the tree");
  }
};

TreeTemplate tree_of(const Options& options) {
  if (options.file.empty()) throw ConfigError("tree = \"fixed\" has no file; expected tree_file = \"<file>\"");
  return read_tree(options.file);
}

struct Plan {
  TreeTemplate tree;
  std::vector<std::vector<int>> children;
};

class Following final : public Grower {
 public:
  explicit Following(const Plan& plan) : plan_(plan), rows_(plan.children.size(), -1) { rows_[0] = 0; }

  std::vector<int> grow(GrowingTree& tree) override {
    std::vector<int> nodes, wanted;
    for (const int node : nodes_) {
      for (const int child : plan_.children[static_cast<size_t>(node)]) {
        const int row = rows_[static_cast<size_t>(node)];
        const int added = tree.law() == Draw::kPoint
                              ? tree.add_ranked_child(row, plan_.tree.rank[static_cast<size_t>(child)])
                              : tree.add_child(row);
        if (added < 0) break;
        rows_[static_cast<size_t>(child)] = added;
        if (plan_.children[static_cast<size_t>(child)].empty() || !tree.may_grow(added)) continue;
        nodes.push_back(child);
        wanted.push_back(added);
      }
    }
    nodes_ = std::move(nodes);
    return wanted;
  }

 private:
  const Plan& plan_;
  std::vector<int> rows_;      // of the nodes of the plan, -1: missing
  std::vector<int> nodes_{0};  // whose rows are known now
};

class Fixed final : public TreeShape {
 public:
  explicit Fixed(const Options& options) : plan_{.tree = tree_of(options), .children = {}} {
    plan_.children = plan_.tree.children();
  }
  int depth() const override { return plan_.tree.deepest(); }
  int width() const override { return 1 + *std::max_element(plan_.tree.rank.begin(), plan_.tree.rank.end()); }
  std::unique_ptr<Grower> start() const override { return std::make_unique<Following>(plan_); }

 private:
  Plan plan_;
};

}  // namespace

Registry<TreeShape>::Entry fixed_shape() {
  return shape_entry<Fixed, Options>(
      "fixed", "The tree of a file.", "Cai et al. 2024 (Medusa); Chen et al. 2024", [](const Options& options) {
        return Facts{.laws = {Draw::kWithoutReplacement}, .memory = describe(tree_of(options))};
      });
}

}  // namespace specula
