// What `specula ls` shows of the runs that it found.  Licence: Apache-2.0.
#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "experiments/runs/found_run.h"

namespace specula {

// Those for which every condition holds: "key=value" or "key!=value", the key one of a configuration or experiment,
// cell, state.  A run that lacks the key differs from every value; one that cannot be read meets no condition.  Throws
// ConfigError for a condition without '=' and for a key that no run has.
std::vector<FoundRun> where(std::vector<FoundRun> runs, const std::vector<std::string>& conditions);

// The table as md, csv or json: experiment, cell, state, progress, age, and the keys in which the runs differ.
std::string runs_text(const std::vector<FoundRun>& runs, const std::string& format, std::time_t now);

}  // namespace specula
