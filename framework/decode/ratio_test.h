// The ratio test, on chains and trees, towards any target law: what `rejection` and the rules that are exact for a
// mixture share.  Leviathan et al. 2023, Chen et al. 2023 (chains); Miao et al. 2023 (i.i.d. siblings), Chen et al.
// 2024 (without replacement).  Licence: Apache-2.0.
#pragma once

#include "framework/decode/descend.h"

namespace specula {

// At a node with children x1, x2, ...: P <- law; accept x with probability min(1, P(x)/q(x)); after a rejection
// P <- norm((P - q)+), for a point P(x) <- 0.  q of a child drawn without replacement has lost its earlier siblings.
Verdict ratio_test(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law, Chance& chance);

// The expected accepted length of that: over every coin given the tree, and in a chain over each drawn token given
// those above it: sum over j of (prod over i < j of min(1, P/q)) (1 - TV(P, q)).
double expected_accepted_by_ratio(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law);

}  // namespace specula
