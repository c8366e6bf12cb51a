// gumbel_coupled: draft and target race with the same exponential noise, and the target's winner is emitted.
//
// Daliri et al. 2025, "Coupling without Communication and Drafter-Invariant Speculative Decoding" (the Gumbel trick by
// another name: argmin E/p = argmax log p + Gumbel).  The noise belongs to request, position and token, so the text is
// that of `none` under this rule, seed by seed, whatever was drafted.  A draft drawn with the noise (Draw::kCoupled) is
// accepted with probability sum of 1/sum max(p/p, q/q) >= (1-TV)/(1+TV): above `agreement`, below the ratio test.
// Other draws are taken too, and agree as rarely as under `agreement`.  Costs one race over V for a visited row.
// The expected length is a closed form, but not where a node has several coupled children: there it is NaN.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry gumbel_coupled();
}
