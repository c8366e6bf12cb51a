// top_k: keeps the k most likely tokens (Fan et al. 2018); ties with the k-th stay, as in transformers.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry top_k();
}
