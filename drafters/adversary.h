// adversary: another drafter's work with every token made wrong.
//
// The floor of a drafter's gain: it costs what the other costs - its passes, the rows of its tree - and is as good as
// never accepted, so what remains is the price of drafting.  Each token becomes another one by a fixed shift of half
// the vocabulary, so siblings stay apart; the rows are points.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry adversary();
}
