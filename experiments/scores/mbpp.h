// Programs that must pass tests, as those of MBPP (Austin et al. 2021, arXiv 2108.07732).  Licence: Apache-2.0.
#pragma once

#include <string>

#include "experiments/scores/scorer.h"

namespace specula {

Scorer mbpp_pass();

// The program of an answer: the first fenced block; else what stands before "[DONE]", or all of it.
std::string answered_program(const std::string& text);

}  // namespace specula
