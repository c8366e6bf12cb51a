// max_length: leaves only the stop tokens for the last of so many generated tokens, each with the same probability, so
// that a text which did not end by itself ends there.  Defined as in transformers (forced_eos_token_id), counted in
// generated tokens; without stop tokens it changes nothing.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry max_length();
}
