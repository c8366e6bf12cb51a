// How a draft tree grows: the interface between what drafts (a model, row by row) and the shapes.  A grower decides
// which rows get how many children and which rows the model is asked about next; it never sees a random number and
// never names a token, so that whatever it does the rows keep the law they were drawn by.  Growth and where it goes may
// depend on all that was drawn; a shape that takes rows back (`prunes`) gets points only.  Licence: Apache-2.0.
#pragma once

#include <memory>

#include "framework/decode/growing_tree.h"
#include "framework/decode/registry.h"

namespace specula {

// The growth of one tree.
class Grower {
 public:
  virtual ~Grower() = default;
  // Adds children below rows whose q is known, and returns the rows whose q is wanted next; none: the tree is finished.
  // Called first when the root is known, then whenever the rows asked for are.
  virtual std::vector<int> grow(GrowingTree& tree) = 0;
  // Asked of shapes that prune: at most `rows` rows to keep, ascending, the root and every parent among them.
  virtual std::vector<int> keep(const GrowingTree& /*tree*/, int /*rows*/) const { return {}; }
};

class TreeShape {
 public:
  virtual ~TreeShape() = default;
  virtual int depth() const = 0;  // at most
  virtual int width() const = 0;  // children of a node, at most
  virtual bool prunes() const { return false; }
  virtual std::unique_ptr<Grower> start() const = 0;
};

// The shapes by name.  Facts::laws holds the law of drawn siblings, kPoint for those that can only be points; trees of
// the first kind are points where the policy wants the most likely tokens.  `chain` is a name without a shape.
const Registry<TreeShape>& tree_shapes();

inline constexpr int kMaxTreeRows = 512;  // root included: what a pass of the loop takes at most
inline constexpr int kMaxTreeDepth = 64;

}  // namespace specula
