// epsilon: keeps the tokens whose probability is at least epsilon, and the most likely one in any case (Hewitt et al.
// 2022).  Defined as in transformers (epsilon_cutoff).  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry epsilon();
}
