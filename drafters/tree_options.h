// What drafters share that draft chains and trees with a model or a head: how long, by which law, in which shape, and
// what may end a chain.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drafters/stoppers/nested_stopper.h"
#include "framework/decode/chain_draft.h"
#include "framework/decode/tree_shape.h"

namespace specula {

// Visited by the options of each.
struct TreeOptions {
  int length = 4;
  std::string draw = "auto";
  Call tree = default_call("chain");
  FileName tree_file;
  Call stop;
  template <class V>
  void visit(V& v) {
    v("length", length, 1, 64, "tokens drafted in a round (gamma) where the tree is a chain", "tokens");
    v("draw", draw, {"auto", "sample", "greedy", "coupled"},
      "sample: draw from q; greedy: take its most likely tokens; coupled: draw from q with the target's own noise, of "
      "chains; auto: what the verifier wants");
    v("tree", tree, "tree",
      "shape and siblings: chain, iid(widths), without_replacement(widths), fixed, dynamic(top_k, depth, nodes), "
      "branch_split(p_split, branches, depth, nodes), best_first(nodes, depth)");
    v("tree_file", tree_file, "of tree = \"fixed\": paths, parents or a grow map as JSON");
    v("stop", stop, "stopper", kStopHelp);
  }
};

// Laws, trees, files, scope and memory.  `place` is the drafter's name, for errors.  Throws ConfigError for what does
// not go together.
Facts tree_facts(const TreeOptions& options, const std::string& place, Policy policy);

// The entry of a drafter that visits TreeOptions, with the options of tree and stopper resolved too, so that a run's
// files name every value.
Registry<Drafter>::Entry with_tree(Registry<Drafter>::Entry entry);

class TreeDrafting {
 public:
  TreeDrafting(const TreeOptions& options, const std::string& place, const Parts& parts);
  int depth() const { return shape_ == nullptr ? options_.length : shape_->depth(); }  // at most
  void begin(size_t batch) { stop_.begin(batch); }
  std::vector<DraftTree> draft(const Round& round, DraftSource& source);
  void observe(const Feedback& feedback) { stop_.observe(feedback); }
  std::vector<std::pair<std::string, double>> notes(size_t b) const { return stop_.notes(b); }

 private:
  std::vector<DraftTree> draft_chain(const Round& round, DraftSource& source);

  TreeOptions options_;
  Draw drawn_ = Draw::kIid;
  std::unique_ptr<TreeShape> shape_;  // null: a chain
  ChainStop stop_;
};

}  // namespace specula
