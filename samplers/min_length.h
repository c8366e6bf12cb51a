// min_length: removes the stop tokens until so many tokens were generated on the row's own path.  Defined as in
// transformers (min_new_tokens).  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry min_length();
}
