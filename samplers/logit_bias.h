// logit_bias: adds a number to the logits of tokens that are named; minus infinity removes them.  Defined as in
// llama.cpp and OpenAI's API; where no token would stay, those that would be removed do.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry logit_bias();
}
