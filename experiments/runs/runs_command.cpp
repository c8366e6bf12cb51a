// `specula ls` and `specula status`: what became of runs.  Licence: Apache-2.0.
#include <ctime>
#include <iostream>

#include "experiments/commands.h"
#include "experiments/report/table.h"
#include "experiments/runs/found_run.h"
#include "experiments/runs/list_runs.h"

namespace specula {
namespace {

// "running, 293 of 480 (61%), heartbeat 2 s ago", and below it the last error.
std::string status_text(const RunStatus& status, std::time_t now) {
  std::string text = status.state;
  if (status.total > 0) {
    const double share = 100.0 * static_cast<double>(status.done) / static_cast<double>(status.total);
    text += cat(", ", status.done, " of ", status.total, " (", fixed(share, 0), "%)");
  }
  if (status.failed > 0) text += cat(", ", status.failed, " records failed");
  const std::string age = age_text(seconds_since(status.heartbeat_utc, now));
  if (is_stale(status, now)) {
    text += cat(", stale: no heartbeat for ", age);
  } else if (!status.heartbeat_utc.empty()) {
    text += cat(", heartbeat ", age, " ago");
  }
  return cat(text, "\n", status.last_error.empty() ? "" : "  last error: " + status.last_error + "\n");
}

// The run, then each of its shards.
std::string status_text(const FoundRun& run, std::time_t now) {
  if (!run.problem.empty()) return cat(run.folder.string(), ": unreadable: ", run.problem, "\n");
  const RunStatus status{.state = run.state,
                         .done = run.done,
                         .total = run.total,
                         .failed = run.failed_records,
                         .last_error = run.shards.empty() ? run.last_error : "",  // the shard tells it
                         .heartbeat_utc = run.heartbeat_utc};
  std::string text = cat(run.folder.string(), ": ", status_text(status, now));
  for (const auto& [shard, of_shard] : run.shards)
    text += cat("  shard ", shard.text(), ": ", status_text(of_shard, now));
  return text;
}

}  // namespace

ExitCode ls_command(const LsArgs& args) {
  const std::vector<FoundRun> found = find_runs(args.folder), runs = where(found, args.where);
  std::cout << runs_text(runs, args.format, std::time(nullptr));
  if (runs.empty())
    std::cerr << args.folder
              << (found.empty() ? ": there are no runs here\n" : ": none of the runs meets the conditions\n");
  return ExitCode::kOk;
}

ExitCode status_command(const std::vector<std::string>& folders) {
  const std::time_t now = std::time(nullptr);
  for (const std::string& folder : folders) {
    const std::vector<FoundRun> runs = find_runs(folder);
    if (runs.empty()) throw ConfigError(cat(folder, ": neither a run nor a folder of runs"));
    for (const FoundRun& run : runs) std::cout << status_text(run, now);
  }
  return ExitCode::kOk;
}

}  // namespace specula
