// swift: the target drafts for itself with blocks left out, and learns while it decodes which ones.
//
// Xia et al. 2024, "SWIFT: On-the-Fly Self-Speculative Decoding for LLM Inference Acceleration".  Every round, until
// the search ends, one set of skipped blocks is tried on the last `context_window` generated tokens: one pass of so
// many rows over the blocks that are left, as if those tokens were not there yet, and its score is how many of the
// whole model's most likely tokens it finds.  Drafts come from the best set so far.  The draws of the search are keyed
// by request and round, and no clock is read, so a text does not depend on the machine.
//
// Costs beside the drafts: `context_window` rows a round while the search lasts, which is dear on a CPU and nearly free
// where weights come from memory.  By default each sequence searches for itself, and sequences of a batch draft in
// passes of their own unless their sets are equal; with scope = "run" all sequences share one search.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry swift();
}
