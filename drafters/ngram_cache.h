// ngram_cache: drafts token by token what n-gram counts of the text and of a corpus agree on.
//
// llama.cpp's lookup decoding (Gaessler 2024, ggml-org/llama.cpp #5479).  Counts of the text so far, n-grams of 1 to 4
// tokens, propose; where the corpus (a file made by `specula train ngram_cache`) knows the last tokens too, its counts
// multiply theirs.  The longest n-gram decides that was seen often enough and whose best continuation has a large
// enough share; the corpus alone decides where none does.  A few lookups a drafted token.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry ngram_cache();
}
