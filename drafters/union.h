// union: merges what several drafters draft into one tree under a node budget.
//
// One pass of the target judges all of it: lookup adds its continuation beside a model's.  The rows of the one drafter
// that draws from a q come first and keep their law; points join behind them (merge_trees.h).  Where two draw, every
// row is a point: the second one's law behind the first one's siblings would be another.  Costs all drafters, and the
// rows.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry union_of();
}
