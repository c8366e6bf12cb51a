// agreement: the target draws its own token at every node, and a draft is accepted where it equals that draw.
//
// Lossless whatever the draft is, for chains and trees, because one token is drawn per tree node and that token is
// emitted.  The draw is keyed by request and absolute position, exactly as the baseline's is, so the text equals the
// baseline's seed by seed, at every temperature and for every drafter.  Price: acceptance is sum p q for a sampled
// draft and p(d) for a greedy one, below the ratio test's.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry agreement();
}
