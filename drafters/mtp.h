// mtp: a module for the next token but one, which models are trained with, applied to its own output.
//
// DeepSeek-AI 2024, "DeepSeek-V3 Technical Report", section 2.2; Gloeckle et al. 2024.  Embedding and state are
// normalised and joined in front of one decoder layer.  It was trained for one step; further ones are applied to its
// own states, which it was not trained on.  Costs one layer and a head a depth. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry mtp();
}
