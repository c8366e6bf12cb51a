// fixed: a chain of so many tokens, whatever the draft model says (gamma of Leviathan et al. 2023).  Costs nothing.  As
// an arm of `bandit` it makes that a bandit over lengths; alone it is the drafter's own `length`.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Stopper>::Entry fixed();
}
