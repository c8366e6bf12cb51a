// What venues ask of experiments, answered from a run folder: the items of the NeurIPS paper checklist that are about
// experiments, and the badges of the ACM (Artifact Review and Badging, version 1.1).  What a folder cannot prove is
// missing, with what to do about it.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/run/manifest.h"

namespace specula {

struct ChecklistItem {
  std::string list;  // NeurIPS, ACM
  std::string name;  // "seeds"
  std::string question, answer;
  std::vector<std::string> files{};  // of the run folder or beside it, that prove the answer
  std::string todo{};                // what to do; empty: the item is answered
  bool is_answered() const { return todo.empty(); }
};

struct ConfigKey {
  std::string key, value, origin;
};

struct Checklist {
  RunInfo run;
  std::vector<ChecklistItem> items;
  std::vector<ConfigKey> keys;  // of the whole configuration, defaults too
};

// Throws Error where the folder has no manifest or a file of it cannot be read; what is not there is a missing item.
Checklist read_checklist(const std::filesystem::path& run_folder);

std::string checklist_markdown(const Checklist& checklist);
std::string checklist_json(const Checklist& checklist);

}  // namespace specula
