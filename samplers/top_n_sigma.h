// top_n_sigma: keeps the tokens whose logit is at most n standard deviations of the row's logits below the largest
// (Tang et al. 2024).  What it keeps does not change with temperature.  Defined as in llama.cpp: removed tokens are in
// neither mean nor deviation; n = 0 changes nothing.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry top_n_sigma();
}
