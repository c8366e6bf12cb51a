// retrieval: drafts a tree of what followed the text's last tokens in a corpus.
//
// REST (He et al. 2023).  The longest run of last tokens that occurs in the corpus is found in its sorted suffixes (a
// file made by `specula train retrieval`); what follows its occurrences is merged into a trie, whose most frequent
// nodes are drafted.  Shorter runs are tried where nothing follows; where none is found nothing is drafted.  Of many
// occurrences only `matches` are read, evenly over their order: they are sorted by what follows, so shares are kept.
// Costs some binary searches in the corpus and one read a match.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry retrieval();
}
