// threshold: SGLang's two thresholds on trees of points (`--speculative-accept-threshold-single` and `-acc`).
//
// One uniform u at each node with children c1, c2, ...: the first cj is accepted with u < (p(c1) + ... + p(cj)) / acc
// or p(cj) >= single.  All refused: the round ends with a draw from p without the tokens of the refused children, as
// there.  Both 1 (SGLang's defaults): exact, the law of the ratio test on points; below, lossy.  Strictly "<", and
// no token of zero probability passes, whatever the thresholds.  Costs O(1) a tested row and O(V) a round.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry threshold();
}
