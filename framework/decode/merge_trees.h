// Several drafts of one round as one tree, with laws that stay true.  The rows of the first tree are kept as they are,
// each with its law: that they exist, and what they are, does not depend on the others.  The others' rows join them as
// points, behind them among siblings, or fall together with a sibling of the same token.  Points that came first would
// change the law of what is drawn behind them (a sampled sibling after a point needs q without that point's token).
// Licence: Apache-2.0.
#pragma once

#include <span>

#include "framework/decode/draft_tree.h"

namespace specula {

// `first` with the candidates of `others` as points, level by level, in the order of the trees, so that what does not
// fit into `most_rows` (root included) is the deepest and last; `first` itself always stays.  Probes go behind all
// candidates, those of a tree whole or not at all.
DraftTree merge_trees(const DraftTree& first, std::span<const DraftTree> others, int most_rows);

}  // namespace specula
