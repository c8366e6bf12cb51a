// How speed-up and accepted tokens change along a swept number: one small drawing for each choice of the other keys.
// Licence: Apache-2.0.
#pragma once

#include <vector>

#include "experiments/pages/figure.h"
#include "experiments/study/study_results.h"

namespace specula {

// Two figures for each swept key that took three or more different numbers: speed-up and tau.
std::vector<Figure> axis_figures(const StudyResult& result);

}  // namespace specula
