// `specula ls` and `specula status`: what became of runs, the latter of trainings too.  Licence: Apache-2.0.
#include <ctime>
#include <iostream>

#include "experiments/commands.h"
#include "experiments/runs/found_run.h"
#include "experiments/runs/list_runs.h"
#include "experiments/runs/status_text.h"
#include "experiments/train/training_status.h"

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
    const std::vector<std::filesystem::path> trainings = find_trainings(folder);
    if (runs.empty() && trainings.empty())
      throw ConfigError(cat(folder, ": neither a run or a training nor a folder of them"));
    for (const FoundRun& run : runs) std::cout << status_text(run, now);
    for (const auto& training : trainings) std::cout << training_status_text(training, now);
  }
  return ExitCode::kOk;
}

}  // namespace specula
