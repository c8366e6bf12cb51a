// The shards of a run as one: whether they are all there and belong together, and what is made of them then.  Nothing
// that a shard wrote is touched.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "experiments/run/manifest.h"
#include "experiments/run/run_status.h"

namespace specula {

struct ShardCheck {
  RunInfo info;
  RunStatus status;                   // done, partial or failed; sums over the shards
  bool failed = false;                // a shard ended with an error; status.last_error has it
  std::set<std::string> hosts;        // that worked at it
  std::vector<std::string> problems;  // each one line that names the shard or the prompt; empty: they may be merged
};

// Throws Error for a folder or a file that cannot be read.
ShardCheck check_shards(const std::filesystem::path& run_folder);

// What a run that is not in parts has in its folder: status.json, env.json (of the first shard), the marker.
void write_joined(const std::filesystem::path& run_folder, const ShardCheck& check);

}  // namespace specula
