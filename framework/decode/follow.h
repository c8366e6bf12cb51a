// Walking a tree along given tokens: what the rules that emit the target's own choice share.  Licence: Apache-2.0.
#pragma once

#include <functional>

#include "framework/decode/round_rows.h"
#include "framework/decode/verifier.h"

namespace specula {

// From the root down: `choose(row, depth)` is the token after that row; the first candidate child that equals it is
// accepted, and where none does the choice itself ends the round.  One choice per tree node, which is what makes such
// rules exact.
Verdict follow(const DraftTree& tree, const std::function<Token(int row, int depth)>& choose);

// The candidates below `node` that a walk can take: of those with the same token only the first.
std::vector<int> distinct_candidates(const DraftTree& tree, const RoundRows& rows, int node);

// The expected accepted length where each choice follows p and knows nothing of the draft: the sum over all rows of the
// probability of walking to them; for a drawn row without siblings over its token too, sum of p q.
double expected_accepted_by_following(const DraftTree& tree, const RoundRows& rows);

}  // namespace specula
