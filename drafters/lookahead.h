// lookahead: the target itself guesses, several positions at once, in the pass that verifies.
//
// Fu et al. 2024, "Break the Sequential Dependency of LLM Inference Using Lookahead Decoding".  Beside the candidates a
// pass carries a window of `window` columns and ngram - 1 levels of Jacobi iteration: level 0 is a chain of guesses
// behind the last token, and each level above holds what the target answered to the level below, one position further
// on.  A column read upwards is an n-gram of the target's own making; it goes into a pool under its first token, and
// the pool's last `guesses` n-grams behind the text's last token are the candidates, merged into a tree.  The window
// advances by one position a round, as the authors' program does by default.
//
// Costs no model and window * (ngram - 1) - 1 rows more in every pass (Draw::kProbe), so it pays where rows are nearly
// free; near the end of a text, or where the row budget is small, the window loses columns for good.  Licence:
// Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry lookahead();
}
