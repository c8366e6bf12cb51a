// The longest path that a yes-or-no rule lets through: how rules without a coin walk a tree (Cai et al. 2024, section
// 2.3.1; on one-hot rows the longest matching path of greedy trees).  Licence: Apache-2.0.
#pragma once

#include <functional>

#include "framework/decode/round_rows.h"

namespace specula {

// Rows from below the root down, each accepted, as many as can be; among the longest the one with the highest sum of
// log p, then the first in the order of rows.  Empty: no child of the root is accepted.  `accepts(row)` is asked only
// of rows whose parent was accepted, and must refuse tokens of zero probability.
std::vector<int> longest_path(const DraftTree& tree, const RoundRows& rows,
                              const std::function<bool(int row)>& accepts);

}  // namespace specula
