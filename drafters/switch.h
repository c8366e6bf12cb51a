// switch: one of several drafters for each round, chosen by what earlier rounds gained.
//
// A bandit over drafters (BanditSpec, Hou et al. 2025; UCB1, Auer et al. 2002).  The gain of a round is the tokens that
// it emitted over what it cost, in passes of the target: 1 for its own pass and costs[i] for drafter i, numbers that
// `specula bench round` measures and the configuration freezes.  Rounds of the past decide, never this round's drafts:
// a choice by tokens that were just drawn would change their law (by .24).  All drafters hear of every round, so that
// their models can catch up.  Notes of every round: switch_chosen and switch_regret, the tokens per pass that the
// rounds before would have gained with the drafter that is best so far.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry switch_drafter();
}
