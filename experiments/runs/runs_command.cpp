// `specula ls` and `specula status`: what became of runs.  Licence: Apache-2.0.
#include <ctime>
#include <iostream>

#include "experiments/commands.h"
#include "experiments/runs/found_run.h"
#include "experiments/runs/list_runs.h"
#include "experiments/runs/status_text.h"

namespace specula {
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
