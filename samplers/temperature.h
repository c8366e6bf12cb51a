// temperature: logits / T.  T = 0 is the limit: only the most likely token stays, the lowest id wins ties, so that p is
// one-hot and the greedy text is a special case of every rule, not a flag. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry temperature();
}
