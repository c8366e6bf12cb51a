// repetition_penalty: divides positive logits of tokens that occurred before by the penalty and multiplies negative
// ones (Keskar et al. 2019, CTRL, eq. for penalised sampling; each token once).  History is that of the row: the
// committed text, prompt included, and the row's own path in the tree, so two branches do not see each other.
// Defined as in transformers; with last_n as in llama.cpp, whose default is 64.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry repetition_penalty();
}
