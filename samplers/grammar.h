// grammar: the generated text follows a grammar in llama.cpp's notation, as far as it is regular: a rule that contains
// itself is refused.  Followed like regex.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry grammar();
}
