// kangaroo: the target's first layers and a trained adapter behind them draft; its other layers verify.
//
// Liu et al. 2024, "Kangaroo: Lossless Self-Speculative Decoding via Double Early Exiting".  The adapter is one block
// of attention between two norms; it reads the states that enter layer E, of the text as of the drafts, and what it
// gives goes through the target's output head.  What the first layers computed for the drafts is not computed again, as
// with early_exit.  The second exit of the paper is the stopper: drafting ends behind the first token that q gives less
// than .6, which is kept.  Files: config.json and pytorch_model.bin or safetensors with layers.0.self_attn.*,
// layers.0.input_layernorm, norm; "exitlayer" of config.json is E, 2 where it is missing.
//
// The paper decodes greedily and takes points at every temperature; here a draw at temperature > 0 has q of the adapter
// under the same policy as p, so `rejection` is exact.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry kangaroo();
}
