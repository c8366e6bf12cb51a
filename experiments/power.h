// How many prompts a difference needs, from the scatter of a pilot run.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/config/config.h"

namespace specula {

// A table: for each arm of the pilot the difference from its reference that the pilot would have shown, the groups of
// prompts that `effect` (0.02: 2 %) needs with 80 % power at level .05, and what the plan of `config` would show.  The
// scatter between groups is taken from the pilot, so its prompts, repetitions and lengths should be those of the plan.
// Throws Error where the folder is no run, or has no arm with an interval.
std::string power_text(const ExperimentConfig& config, const std::filesystem::path& pilot, double effect);

}  // namespace specula
