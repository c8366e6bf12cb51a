// entropy: ends a chain where the draft model's entropy H (in nats) lets a lower bound of the acceptance rate fall.
//
// AdaEDL (Agrawal et al. 2024): stop where 1 - sqrt(gamma H) < lambda.  SVIP (Zhang et al. 2024, "Draft Model Knows
// When to Stop"): stop where sqrt(H) > h.  Both come from Pinsker's inequality, and differ in their parameters only;
// `rule` says whose are meant.  AdaEDL's running adjustment of lambda is left out: `confidence(fitted = true)` and
// `cost_aware` are this program's ways of learning a threshold.  Costs one pass with logarithms over V a drafted token.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Stopper>::Entry entropy();
}
