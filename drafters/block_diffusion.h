// block_diffusion: layers over the target's states name a block of tokens in one pass.
//
// Chen et al. 2026, "DFlash: Block Diffusion for Flash Speculative Decoding".  Behind the last token of the text stand
// masks; all rows of the block see each other, and in every layer keys and values of the target's states of the text.
// The k-th mask names the token k places on, whatever was drafted in front of it, so q of a depth is one law on every
// path; it is declared after the policy, and decoding is as lossless as with any draft (the paper's own code compares
// tokens).  Costs one pass over the whole block a round, however short the draft is; `block` makes it shorter than the
// head was trained with.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry block_diffusion();
}
