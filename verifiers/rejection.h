// rejection: the ratio test, for chains and trees, over siblings of any mixture of laws.
//
// Chain: accept d with probability min(1, p(d)/q(d)), else draw from norm((p-q)+) (Leviathan et al. 2023, alg. 1; Chen
// et al. 2023). Tree: the siblings are tried in their order, and each rejection turns P into what is left of it:
//   i.i.d.               P <- norm((P-q)+)                          (SpecInfer, Miao et al. 2023)
//   without replacement  the same with q zeroed at the earlier siblings and renormalised  (Sequoia, Chen et al. 2024)
//   point                P(d) <- 0, renormalised                    (deterministic trees, as in EAGLE-2)
// All rejected: draw from P.  Nothing rejected below the last accepted row: the target's own draw there.
// Exact for p; costs one pass over V per rejection.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry rejection();
}
