// dry ("don't repeat yourself", p-e-w 2024): where the row's text ends in something that it held before, lowers the
// logit of the token that followed there by multiplier * base^(length - allowed_length).  Defined as in llama.cpp, with
// its default breakers, which no repetition reaches across; a breaker is a token whose text holds one of theirs, one
// that is spelled by several tokens is not looked for.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry dry();
}
