// Inside the checklist: what a run folder holds, read once, and the items of each list.  Licence: Apache-2.0.
#pragma once

#include <nlohmann/json.hpp>

#include "experiments/runs/checklist.h"
#include "framework/core/value.h"

namespace specula {

struct RunFacts {
  std::filesystem::path folder;
  RunInfo run;
  nlohmann::json environment, summary;  // null where the file is not there
  std::string environment_file;         // env.json, of a shard in its folder
  std::string state;                    // of status.json; "" without one
  Value config{.data = Value::Table{}, .origin = {}};
  double busy_hours = 0;  // of all processes that decoded: loading and warming up included
  int64_t processes = 0;

  bool has(const std::string& file) const { return std::filesystem::exists(folder / file); }
};

std::vector<ChecklistItem> experiment_items(const RunFacts& facts);  // of NeurIPS
std::vector<ChecklistItem> badge_items(const RunFacts& facts);       // of the ACM

// "Apache-2.0 (README.md)": the `license:` at the head of a model card, or the first line of a file LICENSE.  "": a
// folder that says nothing, or is not there.
struct Licence {
  std::string text;
  std::filesystem::path file;
};
Licence licence_of(const std::filesystem::path& folder);

}  // namespace specula
