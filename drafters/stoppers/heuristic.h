// heuristic: two tokens more after a round whose draft was accepted whole, one less after any other, never below one:
// the schedule `heuristic` of Hugging Face's assisted generation.  Theirs outlives a request unless it is called
// heuristic_transient; here that is the option `scope`.  Costs nothing; reacts to one round at a time, so it swings
// about the best length rather than finding it.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Stopper>::Entry heuristic();
}
