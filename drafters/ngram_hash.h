// ngram_hash: a pool of constant size that says which token came last after each n-gram.
//
// The n-gram pool of llama.cpp (ngram-mod; there ngram = 24, length = 64, min_length = 48, 4 Mi slots for the whole
// server).  A rolling hash of the last n tokens picks a slot, whose token is drafted and rolled in, and so on until a
// slot is empty.  N-grams that share a slot overwrite each other, which costs a wrong draft and nothing else.  A round
// costs a few nanoseconds a token; memory is 4 bytes a slot, for each sequence of a batch.  With scope = run a second
// pool hears of finished texts.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry ngram_hash();
}
