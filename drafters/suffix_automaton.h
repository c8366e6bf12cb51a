// suffix_automaton: copies what followed the longest earlier occurrence of the text's end, in the text or in a corpus.
//
// SAM-Decoding (Hu et al. 2024).  The text so far is a suffix automaton, O(1) a token; a corpus, if there is one, is
// the sorted suffixes of a file (`specula train retrieval`), 8 bytes a token of memory that is mapped, where an
// automaton would take a hundred.  A match of less than len_threshold tokens is not trusted: `fallback`, any other
// drafter, is asked then.  A match in the corpus counts len_bias tokens less than one in the text, since texts repeat
// themselves more exactly than others.  Which of them drafts is settled before anything is drawn, so that each keeps
// its law. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry suffix_automaton();
}
