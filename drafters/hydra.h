// hydra: Medusa's heads, but each reads the tokens drafted in front of its own.
//
// Ankner et al. 2024, "Hydra: Sequentially-Dependent Draft Heads for Medusa Decoding", the kind "mlp".  q of a place
// depends on the path to it.  Costs one step of a head for each depth of the tree, with an input that grows by H a
// step. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry hydra();
}
