// synthetic: accepts at a configured rate, whatever was drafted; for benchmarks only, since the text is not the
// target's.  What a speed-up would be if drafts were accepted so often, at the true costs of drafting and verifying.
//
// rate: each draft passes with this probability once the ones above it did, so the length is geometric.
// length: the mean number of accepted drafts, spread as little as can be (as vLLM does for a given mean length): the
// first floor(length) pass, the one below them with what is left.  Its step lengths vary less than any true rule's.
// In a tree the first child of each node is the one that may pass.  The round ends with a draw from p.
// Every verdict carries the note synthetic = 1.  Emits drafts of zero probability.  Costs O(V) a round.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry synthetic();
}
