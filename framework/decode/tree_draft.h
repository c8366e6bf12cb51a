// Drafting trees with a model: the root is fed, a shape says which rows grow, the rows that it wants to know more of
// are fed side by side in one pass, and so on until the tree is finished.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <vector>

#include "framework/decode/draft_source.h"
#include "framework/decode/tree_shape.h"

namespace specula {

struct TreeDraft {
  DraftSource& source;
  const TreeShape& shape;
  Draw law;     // kIid, kWithoutReplacement or kPoint
  bool q_next;  // q after every row, leaves too, for which the model makes one pass more; not with kPoint
  std::function<Tensor(Tensor p)> q_of_p = [](Tensor p) { return p; };  // [n,V] the model's p after the policy -> q
};

// Trees of size 0 where the round says done.  Points are ranked by what the policy leaves before it becomes greedy, so
// that they have siblings at temperature 0 too.
std::vector<DraftTree> draft_trees(const Round& round, const TreeDraft& how);

}  // namespace specula
