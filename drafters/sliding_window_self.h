// sliding_window_self: the target drafts for itself with attention to the text's first tokens and its last ones alone.
//
// Xiao et al. 2024, "Efficient Streaming Language Models with Attention Sinks", gives the view; Sun et al. 2024,
// "TriForce", and Chen et al. 2024, "MagicDec", draft with it.  All weights are read, so it pays only where the cache
// is most of what a pass reads: long texts, large batches.  A text of at most sinks + window tokens is seen whole: then
// drafts are the target's own and cost as much.  Keys keep their positions, where StreamingLLM numbers them anew.  On
// LibTorch's operators the view is a mask and saves nothing.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry sliding_window_self();
}
