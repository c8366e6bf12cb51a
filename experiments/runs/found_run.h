// Run folders as others than their writer see them: found below a folder, with what manifest.json,
// config.resolved.toml and status.json say, whatever became of the process.  Licence: Apache-2.0.
#pragma once

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/run/manifest.h"
#include "experiments/run/run_status.h"
#include "experiments/run/shard.h"
#include "framework/core/value.h"

namespace specula {

struct FoundShard {
  Shard shard;
  RunStatus status;  // state "waiting": nobody has begun it
};

struct FoundRun {
  std::filesystem::path folder;
  std::string problem;  // why it could not be read; then only the names of the folders mean anything
  RunInfo info;
  Value config{.data = Value::Table{}, .origin = {}};  // empty where a run keeps none (a replay)
  // Of status.json; without one "done" or "begun".  Of shards: what one of them is that needs care, "unmerged" where
  // all have ended, and then as of any other run.
  std::string state;
  int64_t done = 0, total = 0, failed_records = 0;  // done and total in units: batches x repetitions, the fenced too
  std::string heartbeat_utc, last_error;
  std::vector<FoundShard> shards;  // empty: a run that is not in parts

  std::string experiment() const;
};

// Every folder with a manifest.json at or below `root`, by time of creation; a folder that cannot be read is one with a
// problem.  Throws ConfigError if `root` is no folder.
std::vector<FoundRun> find_runs(const std::filesystem::path& root);
FoundRun read_run(const std::filesystem::path& folder);  // never throws for what is in it

// What others than runs keep in such a layout is found and read alike: folders with `file`, read by `read`, and those
// below `root` that cannot be looked into.
std::vector<FoundRun> find_folders(const std::filesystem::path& root, const std::string& file,
                                   FoundRun (*read)(const std::filesystem::path& folder));
// `take` fills `run` in; what it throws becomes the problem.
template <class Take>
FoundRun read_folder(const std::filesystem::path& folder, const Take& take);
void set_problem(const std::string& what, FoundRun& run);
void set_status(const RunStatus& status, FoundRun& run);

// Seconds from an RFC 3339 time to `now`; NaN if it is none.
double seconds_since(const std::string& utc, std::time_t now);
std::string age_text(double seconds);  // "12 s", "5 min", "3 h", "9 d"; "–" for NaN

// Whether the run says that it is running, and has said nothing for so long that it will not be.
bool is_stale(const FoundRun& run, std::time_t now);
bool is_stale(const RunStatus& status, std::time_t now);

std::vector<FoundShard> find_shards(const std::filesystem::path& run_folder,
                                    int count);  // throws what read_status does

template <class Take>
FoundRun read_folder(const std::filesystem::path& folder, const Take& take) {
  FoundRun run{.folder = folder};
  try {
    take(run);
  } catch (const std::exception& e) {
    set_problem(e.what(), run);
  }
  return run;
}

}  // namespace specula
