// Answers that are a number, as those of GSM8K (Cobbe et al. 2021, arXiv 2110.14168).  Licence: Apache-2.0.
#pragma once

#include <string>

#include "experiments/scores/scorer.h"

namespace specula {

Scorer gsm8k_em();

// The number that a text gives as its answer, without commas, leading zeros and zeros behind the point: "1200", "-0.5".
// "" : there is none.
std::string answered_number(const std::string& text);

}  // namespace specula
