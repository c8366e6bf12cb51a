// Who may win an exponential race: a vectorised screen over the vocabulary that leaves a few contenders, whose arrivals
// are then computed by the scalar definition.  So the winner depends on no instruction set.  Licence: Apache-2.0.
#pragma once

#include <cstdint>

#include "framework/core/keyring.h"

namespace specula {

struct RaceNoise {
  PhiloxKey key;  // of Use::kCoupled
  int64_t request, position;
};

// The lowest x in [from, vocab) with p(x) > 0 that may arrive before `least`, the earliest arrival so far; `vocab` if
// none can.  It may name a token that loses, but passes over none that wins.
int64_t next_contender(const float* p, int64_t from, int64_t vocab, const RaceNoise& noise, double least);

}  // namespace specula
