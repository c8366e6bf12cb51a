// ouroboros: a draft model whose chains grow by whole phrases.
//
// Zhao et al. 2024, "Ouroboros: Generating Longer Drafts Phrase by Phrase for Faster Speculative Decoding".  A pool of
// phrases by their first token comes from the text, from drafts, also rejected ones, and from what the target answered
// to rejected drafts.  It serves twice.  Behind the drafted chain hang up to `candidates` phrases, which cost no draft
// pass and are verified side by side.  And each pass of the draft model carries a phrase along, so that as long as the
// model draws what the phrase says it needs no pass of its own; what is drafted does not depend on it.
//
// The chain is drawn from q or most likely, as the verifier wants; phrases are points.  Costs at most `length` draft
// passes a round.  Unlike the authors' program the pool is of one request, and the draft model runs no window of Jacobi
// iterations to fill it.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry ouroboros();
}
