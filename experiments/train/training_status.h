// Trainings as `specula ls`, `status` and `watch` show them beside runs.  Licence: Apache-2.0.
#pragma once

#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/runs/found_run.h"

namespace specula {

// Every folder with a training.json at or below `root`, by time of creation, as a run whose experiment is
// "train KIND"; one that cannot be read has a problem.  Throws ConfigError if `root` is no folder.
std::vector<FoundRun> find_trainings(const std::filesystem::path& root);

// "; best after step 250: accepted_t1 1.18", the figure that it was chosen by; "" before the first validation.  Throws
// Error.
std::string best_text(const FoundRun& training);

// "runs/train/eagle: train eagle, running, 293 of 480 (61%), heartbeat 2 s ago; best after step 250: accepted_t1
// 1.18", and its last error below.
std::string training_status_text(const FoundRun& training, std::time_t now);

// From the times of its steps; none before the second.
std::optional<double> seconds_per_step(const FoundRun& training);

}  // namespace specula
