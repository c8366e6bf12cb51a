// cost_aware: ends a chain where one token more is expected to bring less than it costs.
//
// A round of n drafts costs C = 1 + o + n (c + v) target passes and brings T tokens; over a text what counts is the
// rate r = T / C of all rounds together.  By renewal and reward the best stopping rule goes on exactly while the
// expected gain of going on exceeds r times its cost (Dinkelbach 1967, for the ratio): the gain of token i + 1 is a_1
// ... a_(i+1), the probability that it and all above it are accepted.  Where gains fall along the chain, looking one
// token ahead is enough.
//
// `by = "depth"` estimates a_i by depth and takes the length whose T / C is largest, before a round begins: no row is
// read.  `by = "confidence"` estimates a by the largest probability in q, in ten buckets, and r by what the text got
// so far.  It decides twice for each token: behind a drawn token whether the next pass (c + v) pays, at the mean
// acceptance since its row is not known yet; before a draw, with the pass paid, whether the row in the target's pass
// (v) does.
//
// Estimates begin at a prior; those of depths are drawn towards the mean of all tests, so that depths nobody reached
// have one; and what was seen fades (`memory`), so that a text that becomes harder is followed and a depth that had bad
// luck is tried again.  They count accepted tokens whatever the rule: under block verification a_i is the chance to get
// further than i - 1. c, v and o are options, never clocks.  Costs O(length) a round, and by confidence a maximum over
// V a drafted token. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Stopper>::Entry cost_aware();
}
