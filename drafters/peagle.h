// peagle: EAGLE-3's layers name all tokens of a round in one pass.
//
// "P-EAGLE: Parallel-Drafting EAGLE with Scalable Training", 2026, arXiv 2602.01469.  Behind the root stand masks, rows
// of one token and one learned state; the k-th of them names the token k places behind the next one, whatever was
// drafted in front of it, so q of a depth is one law on every path.  Decoding is as lossless as with any draft.  A pass
// has as many masks as the tree is deep, at most as many as the head was trained with less one.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry peagle();
}
