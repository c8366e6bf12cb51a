// `specula ls` and `specula status`: what became of runs and trainings.  Licence: Apache-2.0.
#include <ctime>
#include <iostream>

#include "experiments/commands.h"
#include "experiments/runs/found_run.h"
#include "experiments/runs/list_runs.h"
#include "experiments/runs/status_text.h"
#include "experiments/train/training_status.h"

namespace specula {
namespace {

// In a table runs and trainings stand apart, since their keys are not the same.
std::vector<std::vector<FoundRun>> listed(const LsArgs& args) {
  std::vector<FoundRun> runs = find_runs(args.folder), trainings = find_trainings(args.folder);
  if (args.format == "md" && !runs.empty() && !trainings.empty()) return {std::move(runs), std::move(trainings)};
  runs.insert(runs.end(), trainings.begin(), trainings.end());
  return {std::move(runs)};
}

}  // namespace

ExitCode ls_command(const LsArgs& args) {
  const std::time_t now = std::time(nullptr);
  const std::vector<std::vector<FoundRun>> lists = listed(args);
  size_t shown = 0;
  for (const std::vector<FoundRun>& found : lists) {
    const std::vector<FoundRun> runs = where(found, args.where);
    if (!runs.empty() || lists.size() == 1) std::cout << (shown > 0 ? "\n" : "") << runs_text(runs, args.format, now);
    shown += runs.size();
  }
  if (shown == 0)
    std::cerr << args.folder
              << (lists.front().empty() ? ": there are no runs and no trainings here\n"
                                        : ": nothing here meets the conditions\n");
  return ExitCode::kOk;
}

ExitCode status_command(const std::vector<std::string>& folders) {
  const std::time_t now = std::time(nullptr);
  for (const std::string& folder : folders) {
    const std::vector<FoundRun> runs = find_runs(folder);
    const std::vector<FoundRun> trainings = find_trainings(folder);
    if (runs.empty() && trainings.empty())
      throw ConfigError(cat(folder, ": neither a run or a training nor a folder of them"));
    for (const FoundRun& run : runs) std::cout << status_text(run, now);
    for (const FoundRun& training : trainings) std::cout << training_status_text(training, now);
  }
  return ExitCode::kOk;
}

}  // namespace specula
