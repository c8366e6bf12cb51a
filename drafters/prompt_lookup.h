// prompt_lookup: finds where the last few tokens occurred before and proposes what followed there.
//
// Saxena 2023, "Prompt Lookup Decoding"; Yang et al. 2023 (LLMA).  The longest suffix n-gram from max_ngram down to
// min_ngram that occurs earlier decides; nothing is drafted where none does.  No model; each committed token enters an
// index of n-grams once, 16 bytes in at most 51 for each length.  Good where the output repeats its input (summaries,
// code edits, retrieval), useless elsewhere.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry prompt_lookup();
}
