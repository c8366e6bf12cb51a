// What `specula status` and `specula watch` say of a run and of each of its shards.  Licence: Apache-2.0.
#pragma once

#include <ctime>
#include <string>

#include "experiments/runs/found_run.h"

namespace specula {

// "running, 293 of 480 (61%), heartbeat 2 s ago"
std::string status_line(const RunStatus& status, std::time_t now);
// The same of the run as a whole; the last error is that of the run where no shard tells it.
RunStatus status_of(const FoundRun& run);
// The run, each of its shards, and below each its last error, in lines.
std::string status_text(const FoundRun& run, std::time_t now);

}  // namespace specula
