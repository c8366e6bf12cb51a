#include "experiments/runs/checklist.h"

#include <algorithm>
#include <map>

#include "experiments/config/config_keys.h"
#include "experiments/run/records.h"
#include "experiments/run/run_status.h"
#include "experiments/run/shard.h"
#include "experiments/runs/checklist_facts.h"
#include "experiments/runs/found_run.h"
#include "experiments/runs/resolved_config.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Json json_of(const fs::path& file) {
  if (!fs::exists(file)) return nullptr;
  try {
    return Json::parse(read_file(file));
  } catch (const Json::exception& e) {
    throw Error(cat(file.string(), ": ", e.what()));
  }
}

// Of the whole run or of the first shard that has one.
void read_environment_of(RunFacts& facts) {
  for (int i = 0; i < facts.run.shards; ++i) {
    const fs::path file = shard_folder(facts.folder, {i, facts.run.shards}) / "env.json";
    if (!fs::exists(file)) continue;
    facts.environment = json_of(file);
    facts.environment_file = file.lexically_relative(facts.folder).string();
    return;
  }
}

// Each process has clocks of its own: its last record's end counts.
void add_hours(RunFacts& facts) {
  for (int i = 0; i < facts.run.shards; ++i) {
    std::map<int, double> ends;  // by segment
    for (const Record& r : read_every_record(records_file(facts.folder, {i, facts.run.shards})))
      ends[r.segment] = std::max(ends[r.segment], r.start_us + r.e2e_us);
    for (const auto& [segment, end] : ends) facts.busy_hours += end * 1e-6 / 3600;
    facts.processes += static_cast<int64_t>(ends.size());
  }
}

RunFacts read_facts(const fs::path& folder) {
  RunFacts facts{.folder = folder, .run = read_manifest(folder)};
  const FoundRun found = read_run(folder);
  if (!found.problem.empty()) throw Error(cat(folder.string(), "/", found.problem));
  facts.state = found.state;
  facts.config = found.config;
  read_environment_of(facts);
  facts.summary = json_of(folder / "summary.json");
  if (fs::exists(folder / "records")) add_hours(facts);
  return facts;
}

}  // namespace

Checklist read_checklist(const fs::path& run_folder) {
  const RunFacts facts = read_facts(run_folder);
  Checklist checklist{.run = facts.run};
  try {
    checklist.items = experiment_items(facts);
    for (ChecklistItem& item : badge_items(facts)) checklist.items.push_back(std::move(item));
  } catch (const Json::exception& e) {
    throw Error(cat(run_folder.string(), ": env.json or summary.json is of another version: ", e.what()));
  }
  for (const std::string& key : leaf_keys(facts.config)) {
    const Value* const value = find_key(facts.config, key);
    checklist.keys.push_back({.key = key, .value = value_text(*value), .origin = value->origin});
  }
  return checklist;
}

}  // namespace specula
