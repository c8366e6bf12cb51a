// mirostat (Basu et al. 2021): holds the surprise of the text near tau bits.  It carries mu along the text, 2 tau at
// first and mu - eta (surprise - tau) after each token, and cuts the tokens that surprise by more.  Defined as in
// llama.cpp, versions 1 and 2; the surprise is that of the token under the whole policy.  In a tree, mu goes from root
// to leaf, so that every rule that is exact for p stays exact; a draft has the root's mu at all its rows, which is a
// law like any other.  Mixtures of p and q are refused: they would depend on where rounds begin.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry mirostat();
}
