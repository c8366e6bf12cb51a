// replay: drafts what a recorded run drafted.
//
// A trace (`[output] record = "distributions"`) holds the tree of every round.  Where the text stands at the same
// position of the same request, behind the same token, the recorded tree is drafted again, as points; elsewhere
// nothing.  So another rule, engine or cache layout can be run on drafts whose making costs nothing and which do not
// change with it.  Costs a binary search a round; 8 B a recorded row and 32 B a round of memory.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry replay();
}
