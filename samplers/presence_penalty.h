// presence_penalty: subtracts the penalty from the logit of each token that occurred, however often, on the row's own
// path. Defined as in OpenAI's API, which counts generated tokens; prompt = true and last_n count as llama.cpp does.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry presence_penalty();
}
