// What the traces of a run may need on the disk, known before anything is loaded.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/config/config.h"
#include "experiments/run/run_plan.h"

namespace specula {

// Most bytes that traces/ can take: every token a round of its own with a full draft, every row dense.  What is written
// is less where tokens are accepted or rows are cut by top-k or top-p; one-hot rows cost next to nothing.
int64_t trace_bytes_at_most(const ExperimentConfig& config, const Plan& plan);
std::string trace_room_text(int64_t bytes);  // "at most 1.2 GB"

// Throws Error if record = "distributions" and the disk of `folder` has less room than that.
void check_trace_room(const ExperimentConfig& config, const Plan& plan, const std::filesystem::path& folder);

}  // namespace specula
