// suppress_tokens: removes tokens that are named.  Defined as in transformers; where no token would stay, all do.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry suppress_tokens();
}
