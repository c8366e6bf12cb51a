// best_of_n: draws n texts and keeps the one that the target finds likeliest.
//
// Stiennon et al. 2020 rank by a learned reward; without one the target's own likelihood stands in, as in
// sample-and-rank (Adiwardana et al. 2020, Meena).  Texts are drawn under the sampling policy; the score is of the
// model's probabilities before any policy, summed or per token (a sum favours short texts).  The first of the n texts
// is the one that `none` under `rejection` draws, so n = 1 is plain sampling.  A pass has a row for each text that has
// not ended, all in one tree.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/strategy.h"

namespace specula {
Registry<Strategy>::Entry best_of_n();
}
