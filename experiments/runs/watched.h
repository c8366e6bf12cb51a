// Runs and trainings that are looked at again and again: what `specula status` says of each, with speeds so far and the
// time that is left.  Licence: Apache-2.0.
#pragma once

#include <ctime>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/run/progress.h"
#include "experiments/runs/found_run.h"
#include "experiments/runs/records_tail.h"

namespace specula {

enum class Course {
  kWaiting,  // not begun, or loading
  kRunning,
  kEnded,  // done, partial, or only `specula merge` is left
  kBroken  // failed, interrupted, unreadable, or silent for so long that it will not go on
};

// A run, a shard of one, a cell of a study that was not begun, or a training.
struct WatchedLine {
  std::string name, text;
  std::string speeds{};  // "ar 850 tok/s, sps 1.97x"
  std::string change;    // what differs where something happened: the text without what time alone changes
  Course course = Course::kWaiting;
};

class WatchedFolder {
 public:
  explicit WatchedFolder(std::filesystem::path root);  // of a run, a study, a training, or of many
  // Throws ConfigError where there is none of them.
  std::vector<WatchedLine> look(std::time_t now);

 private:
  struct Seen {
    std::vector<RecordsTail> tails;  // of the run, or of each of its shards
    RunningSpeeds speeds;
    std::string problem;  // of its records
  };
  Seen& seen(const FoundRun& run);
  void add_run(const FoundRun& run, std::time_t now, std::vector<WatchedLine>& lines);
  void add_waiting_cells(const std::vector<FoundRun>& runs, std::vector<WatchedLine>& lines) const;

  std::filesystem::path root_;
  std::map<std::filesystem::path, Seen> seen_;
};

}  // namespace specula
