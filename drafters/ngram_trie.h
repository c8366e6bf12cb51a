// ngram_trie: a tree of what followed the last tokens before, for several lengths of match at once.
//
// The n-gram speculation of SGLang: every stretch of max_depth tokens is in a trie; matches of max_window down to
// min_window tokens are expanded, the longest first, and merged under one budget of nodes.  `recency` goes breadth
// first through the children visited last, more of them the shorter the match and the higher the row; `frequency` takes
// the likeliest paths.  Ours is a suffix tree, which holds the same strings in a tenth of the nodes; its capacity is
// counted in tokens, and the oldest leave.  Costs a few steps a committed token and about 140 bytes.  Licence:
// Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry ngram_trie();
}
