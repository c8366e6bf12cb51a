// `specula ls` and `specula status`: what became of runs.  Licence: Apache-2.0.
#include <ctime>
#include <iostream>

#include "experiments/commands.h"
#include "experiments/report/table.h"
#include "experiments/runs/found_run.h"
#include "experiments/runs/list_runs.h"

namespace specula {
namespace {

// "runs/demo/1f…: running, 293 of 480 (61%), heartbeat 2 s ago", and below it the last error.
std::string status_text(const FoundRun& run, std::time_t now) {
  if (!run.problem.empty()) return cat(run.folder.string(), ": unreadable: ", run.problem, "\n");
  std::string text = cat(run.folder.string(), ": ", run.state);
  if (run.total > 0) {
    const double share = 100.0 * static_cast<double>(run.done) / static_cast<double>(run.total);
    text += cat(", ", run.done, " of ", run.total, " (", fixed(share, 0), "%)");
  }
  if (run.failed_records > 0) text += cat(", ", run.failed_records, " records failed");
  const std::string age = age_text(seconds_since(run.heartbeat_utc, now));
  if (is_stale(run, now)) {
    text += cat(", stale: no heartbeat for ", age);
  } else if (!run.heartbeat_utc.empty()) {
    text += cat(", heartbeat ", age, " ago");
  }
  return cat(text, "\n", run.last_error.empty() ? "" : "  last error: " + run.last_error + "\n");
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
