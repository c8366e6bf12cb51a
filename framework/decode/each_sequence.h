// Drafting one sequence at a time: what drafters without a model share.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/decode/drafter.h"

namespace specula {

// draft(b, text) of each sequence that is not done; trees of size 0 of the others.
template <class Draft>
std::vector<DraftTree> draft_each(const Round& round, const Draft& draft) {
  std::vector<DraftTree> trees(round.prefixes.size());
  for (size_t b = 0; b < trees.size(); ++b) {
    if (round.done[b] == 0) trees[b] = draft(b, round.prefixes[b]);
  }
  return trees;
}

}  // namespace specula
