// Walking a tree along given tokens: what the rules that emit the target's own choice share.  Licence: Apache-2.0.
#pragma once

#include <functional>

#include "framework/decode/verifier.h"

namespace specula {

// From the root down: `choose(row, depth)` is the token after that row; the first candidate child that equals it is
// accepted, and where none does the choice itself ends the round.  One choice per tree node, which is what makes such
// rules exact.
Verdict follow(const DraftTree& tree, const std::function<Token(int row, int depth)>& choose);

}  // namespace specula
