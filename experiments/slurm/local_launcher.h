// The tasks of an array on this machine, by the very script that Slurm is given.  Licence: Apache-2.0.
#pragma once

#include <filesystem>

#include "experiments/run/run_signal.h"
#include "experiments/slurm/array_script.h"

namespace specula {

// Runs each task, at most job.parallel at once (one where there is no bound), and one that ended with 75 again.  Ends
// early when a signal comes, which its tasks are told.  kOk, or the worst that a task ended with.
ExitCode run_tasks_here(const ArrayJob& job, const std::filesystem::path& script, const SignalScope& signals);

}  // namespace specula
