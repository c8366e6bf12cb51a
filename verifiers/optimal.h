// optimal: the most that any rule can accept at one node, by optimal transport: a yardstick for tiny vocabularies.
//
// Sun et al. 2023 (SpecTr), eq. 3: among all couplings of the drawn siblings with a token of law p the one whose token
// is most often among them.  A maximum flow carries the probability of each set of distinct tokens to the tokens in it,
// no token getting more than p; what a set cannot place is matched with what is left of p.  For k i.i.d. siblings it
// accepts min over token sets S of p(S) + 1 - q(S)^k.  Applied node by node; the number of siblings must be fixed
// before they are drawn.  One position at a time is what it is optimal for: joint rules such as block verification may
// accept more.  One sibling is the ratio test, at any vocabulary; two or three need a vocabulary of at most 8 tokens,
// and more is an error.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry optimal();
}
