// greedy_match: accepts the path that the target's most likely tokens walk, and emits one most likely token more.
//
// The greedy case of Leviathan et al. 2023, on trees as in SpecInfer (Miao et al. 2023): at each node the child that
// equals argmax p is taken, whatever law it was drawn by.  The lowest id wins ties, as in the baseline.  Needs a
// sampler whose rows have one token (temperature 0).  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry greedy_match();
}
