// text_round_trip: a draft model with any other tokenizer, spoken to in text.
//
// Universal assisted generation (Timor, Mamou et al. 2024, in transformers `assistant_tokenizer`).  The text is read by
// the draft model's tokenizer, the draft model writes on with its most likely tokens, and the target's tokenizer reads
// what was written, together with the last committed tokens, since tokens merge.  Only a draft that begins at a border
// between two tokens is used: where the draft's first bytes merge with a committed token nothing is drafted, because
// committed ids do not change.  Points, for which every rule that takes them is lossless.
//
// Costs `length` passes of the draft model a round, whose tokens may be longer or shorter than the target's.  Licence:
// Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry text_round_trip();
}
