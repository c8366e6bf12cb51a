// ngram_map: what followed the last n tokens before, drafted where one continuation dominates.
//
// The n-gram map of llama.cpp (ngram-map-k4v): an n-gram keeps up to four continuations with how often each was hit,
// and one that has at least `share` of the hits is drafted (there two thirds).  Continuations are told apart by their
// first token and copied from where they stood last; there they are told apart by all of their tokens, so that two
// which part late do not count for each other.  With branches > 1 all that have the share are drafted, as a tree.  The
// longest n-gram from max_ngram down to min_ngram with enough hits decides.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry ngram_map();
}
