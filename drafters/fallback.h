// fallback: asks several drafters in turn; the first that drafts anything drafts the round.
//
// Lookup where the text repeats itself, a model elsewhere: SAM-Decoding (Hu et al. 2024) and most serving engines
// combine drafters so.  Each sequence of a batch is settled by itself, and a drafter is run only where those before it
// found nothing.  What draws its tokens must stand last: a row that is kept or not by what was drawn no longer has the
// law it was drawn from (the first rows of such a mixture miss theirs by .25).  Costs the drafters that were tried.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry fallback();
}
