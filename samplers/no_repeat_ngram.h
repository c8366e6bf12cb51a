// no_repeat_ngram: removes the tokens that would complete an n-gram which the row's text, prompt included, holds
// already. Defined as in transformers (no_repeat_ngram_size); where no token would stay, all do.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry no_repeat_ngram();
}
