// How long each layer takes over one row behind a text.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/language_model.h"

namespace specula {

// Differences between passes that stop after one layer more, so that what a pass costs apart from its layers stands by
// itself; medians over a number of turns.  Where a layer takes less than the clock's noise a difference may be
// negative.
struct LayerTimes {
  double below = 0;           // [s] a pass without layers: embedding, bookkeeping, barriers
  std::vector<double> layer;  // [L]
  double head = 0;            // final norm and head
  int turns = 0;
};
LayerTimes time_layers(const LanguageModel& model, const std::vector<Token>& text);

}  // namespace specula
