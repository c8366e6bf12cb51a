#include "experiments/merge/merge.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "experiments/run/records.h"
#include "experiments/run/segments.h"
#include "experiments/runs/found_run.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

constexpr size_t kMostNames = 8;  // of a list in a message

std::string some_of(const Names& names) {
  if (names.size() <= kMostNames) return join(names);
  return cat(join({names.begin(), names.begin() + kMostNames}), " and ", names.size() - kMostNames, " more");
}

void add_states(const std::vector<FoundShard>& shards, ShardCheck& check) {
  check.status.state = "done";
  for (const auto& [shard, status] : shards) {
    check.status.done += status.done;
    check.status.total += status.total;
    check.status.failed += status.failed;
    if (status.state == "done") continue;
    check.status.state = "partial";
    if (status.state == "partial") continue;
    std::string problem = cat("shard ", shard.text(), " is ", status.state);
    if (status.total > 0) problem += cat(", ", status.done, " of ", status.total);
    if (!status.last_error.empty()) problem += ": " + status.last_error;
    check.problems.push_back(problem);
    if (status.state != "failed") continue;
    check.failed = true;
    check.status.last_error = problem;
  }
}

// Every process of a shard must have been what the manifest describes.
void add_identities(const fs::path& folder, const std::vector<FoundShard>& shards, ShardCheck& check) {
  for (const auto& [shard, status] : shards) {
    std::set<std::string> told;
    for (const Segment& segment : read_segments(shard_folder(folder, shard))) {
      if (!segment.host.empty()) check.hosts.insert(segment.host);
      if (segment.identity.empty()) continue;  // an older line
      RunInfo now;
      now.identity = segment.identity;
      Names differing = differences(check.info, now);
      differing.insert(differing.end(), segment.mixed.begin(), segment.mixed.end());
      for (const std::string& text : differing) {
        if (told.insert(text).second) check.problems.push_back(cat("shard ", shard.text(), " has another ", text));
      }
    }
  }
}

bool agree(const Record& a, const Record& b) {
  return a.out == b.out && a.request == b.request && a.rounds.drafted == b.rounds.drafted &&
         a.rounds.accepted == b.rounds.accepted && a.rounds.kept == b.rounds.kept;
}

struct Told {
  Record record;
  std::string file;
};

// Reads every record once: files of other shards, duplicates that disagree.  Returns what there is, by key.
std::map<RecordKey, Told> gather(const fs::path& folder, ShardCheck& check) {
  std::set<fs::path> files;
  for (int i = 0; i < check.info.shards; ++i) files.insert(records_file(folder, {i, check.info.shards}));
  for (const auto& entry : fs::directory_iterator(folder / "records")) {
    if (entry.path().extension() == ".jsonl" && !files.contains(entry.path()))
      check.problems.push_back(
          cat("records/", entry.path().filename().string(), " is of none of the ", check.info.shards, " shards"));
  }
  std::map<RecordKey, Told> all;
  for (const fs::path& file : files) {
    for (Record& record : read_every_record(file)) {
      const std::string name = file.filename().string();
      const RecordKey key = record.key;
      const auto [found, is_new] = all.try_emplace(key, Told{record, name});
      if (is_new) continue;
      Told& old = found->second;
      if (old.record.ok && record.ok && !agree(old.record, record))
        check.problems.push_back(cat("two records of arm ", key.arm, ", prompt ", key.prompt, ", turn ", key.turn,
                                     ", repetition ", key.rep, " disagree (", old.file, ", ", name, ")"));
      if (record.ok || !old.record.ok) old = {std::move(record), name};
    }
  }
  return all;
}

void add_missing(const fs::path& folder, const std::map<RecordKey, Told>& records, ShardCheck& check) {
  std::map<std::string, std::set<RecordKey>> by_prompt;
  for (const auto& [key, told] : records) {
    if (!key.trace) by_prompt[key.prompt].insert(key);
  }
  Names missing;
  std::istringstream lines(read_file(folder / "inputs.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json input = nlohmann::json::parse(line);
    const std::string prompt = input.at("prompt");
    const size_t wanted =
        input.at("turns").get<size_t>() * static_cast<size_t>(check.info.repetitions) * check.info.arms.size();
    if (by_prompt[prompt].size() < wanted) missing.push_back(prompt);
  }
  if (!missing.empty()) check.problems.push_back(cat(missing.size(), " prompts lack records: ", some_of(missing)));
}

}  // namespace

ShardCheck check_shards(const fs::path& run_folder) {
  ShardCheck check{.info = read_manifest(run_folder)};
  const std::vector<FoundShard> shards = find_shards(run_folder, check.info.shards);
  add_states(shards, check);
  add_identities(run_folder, shards, check);
  add_missing(run_folder, gather(run_folder, check), check);
  return check;
}

void write_joined(const fs::path& run_folder, const ShardCheck& check) {
  if (check.info.shards == 1) return;  // it has them
  for (int i = 0; i < check.info.shards; ++i) {
    const fs::path environment = shard_folder(run_folder, {i, check.info.shards}) / "env.json";
    if (!fs::exists(environment)) continue;
    write_file_atomically(run_folder / "env.json", read_file(environment));
    break;
  }
  RunStatus status = check.status;
  if (!check.problems.empty()) status.state = check.failed ? "failed" : "partial";
  write_status(run_folder, status, 0);
  write_marker(run_folder, status.state == "done" ? "DONE" : check.failed ? "FAILED" : "PARTIAL");
}

}  // namespace specula
