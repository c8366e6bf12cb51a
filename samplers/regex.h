// regex: the generated text follows a regular expression (Willard and Louf 2023): an automaton over bytes says which
// tokens may come next.  constraint.h says what happens at the ends.  It comes before whatever else removes tokens, and
// drafts are masked by it like the target.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry regex();
}
