#include "experiments/runs/found_run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "experiments/runs/resolved_config.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

// A heartbeat comes every two seconds between prompts; loading, warming up and one long prompt must fit in.
constexpr double kStaleAfter = 300;

// The first of these that a shard is in; else all have ended.
std::string state_of_shards(const FoundRun& run) {
  for (const char* const state : {"failed", "running", "interrupted", "waiting"}) {
    const auto is_so = [&](const FoundShard& s) { return s.status.state == state; };
    if (std::any_of(run.shards.begin(), run.shards.end(), is_so)) return state;
  }
  for (const char* const marker : {"DONE", "PARTIAL"}) {
    if (fs::exists(run.folder / marker)) return marker == std::string("DONE") ? "done" : "partial";
  }
  return "unmerged";
}

void take_shards(FoundRun& run) {
  run.shards = find_shards(run.folder, run.info.shards);
  run.state = state_of_shards(run);
  run.total = (run.info.num_prompts * run.info.repetitions + run.info.trace_prompts) / run.info.batch;
  for (const auto& [shard, status] : run.shards) {
    run.done += status.done;
    run.failed_records += status.failed;
    run.heartbeat_utc = std::max(run.heartbeat_utc, status.heartbeat_utc);  // RFC 3339 sorts by time
    if (!status.last_error.empty()) run.last_error = cat("shard ", shard.text(), ": ", status.last_error);
  }
}

void take_status(FoundRun& run) {
  if (run.info.shards > 1) {
    take_shards(run);
  } else if (const auto status = read_status(run.folder)) {
    set_status(*status, run);
  } else {
    run.state = fs::exists(run.folder / "DONE") ? "done" : "begun";
  }
}

void find_below(const fs::path& folder, const std::string& file, FoundRun (*read)(const fs::path&),
                std::vector<FoundRun>& found) {
  std::error_code code;
  if (fs::exists(folder / file, code)) found.push_back(read(folder));
  fs::directory_iterator entry(folder, code);
  if (code) {
    found.push_back({.folder = folder, .problem = code.message()});
    return;
  }
  std::error_code none;  // of an entry that vanished
  for (; entry != fs::directory_iterator(); entry.increment(code)) {
    if (entry->is_directory(none) && !entry->is_symlink(none)) find_below(entry->path(), file, read, found);
  }
}

}  // namespace

std::string FoundRun::experiment() const {
  return problem.empty() ? info.experiment : fs::absolute(folder).parent_path().filename().string();
}

void set_status(const RunStatus& status, FoundRun& run) {
  run.state = status.state;
  run.done = status.done;
  run.total = status.total;
  run.failed_records = status.failed;
  run.heartbeat_utc = status.heartbeat_utc;
  run.last_error = status.last_error;
}

void set_problem(const std::string& what, FoundRun& run) {
  const std::string prefix = run.folder.string() + "/";  // which the row tells anyway
  run.problem = what.starts_with(prefix) ? what.substr(prefix.size()) : what;
}

FoundRun read_run(const fs::path& folder) {
  return read_folder(folder, [](FoundRun& run) {
    run.info = read_manifest(run.folder);
    if (fs::exists(run.folder / "config.resolved.toml")) run.config = read_resolved_config(run.folder);
    take_status(run);
  });
}

std::vector<FoundRun> find_runs(const fs::path& root) { return find_folders(root, "manifest.json", read_run); }

std::vector<FoundRun> find_folders(const fs::path& root, const std::string& file, FoundRun (*read)(const fs::path&)) {
  if (!fs::is_directory(root)) throw ConfigError(cat(root.string(), ": there is no such folder"));
  std::vector<FoundRun> found;
  find_below(root, file, read, found);
  std::sort(found.begin(), found.end(), [](const FoundRun& a, const FoundRun& b) {
    return std::tie(a.info.created_utc, a.folder) < std::tie(b.info.created_utc, b.folder);
  });
  return found;
}

double seconds_since(const std::string& utc, std::time_t now) {
  std::tm parts{};
  const char* const end = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::numeric_limits<double>::quiet_NaN();
  return std::difftime(now, ::timegm(&parts));
}

std::string age_text(double seconds) {
  if (!std::isfinite(seconds)) return "–";
  const auto whole = [&](double unit) { return static_cast<int64_t>(std::max(0.0, seconds) / unit); };
  if (seconds < 120) return cat(whole(1), " s");
  if (seconds < 2 * 3600) return cat(whole(60), " min");
  if (seconds < 2 * 86400) return cat(whole(3600), " h");
  return cat(whole(86400), " d");
}

bool is_stale(const FoundRun& run, std::time_t now) {
  return is_stale(RunStatus{.state = run.state, .heartbeat_utc = run.heartbeat_utc}, now);
}

bool is_stale(const RunStatus& status, std::time_t now) {
  return status.state == "running" && seconds_since(status.heartbeat_utc, now) > kStaleAfter;
}

std::vector<FoundShard> find_shards(const fs::path& run_folder, int count) {
  std::vector<FoundShard> shards;
  for (int i = 0; i < count; ++i) {
    const Shard shard{i, count};
    const RunStatus waiting{.state = "waiting"};
    shards.push_back({shard, read_status(shard_folder(run_folder, shard)).value_or(waiting)});
  }
  return shards;
}

}  // namespace specula
