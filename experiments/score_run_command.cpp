// `specula score-run`: judges the texts of a finished run again, and the table of what they say then.
#include <cstdio>

#include "experiments/commands.h"
#include "experiments/report/summary.h"
#include "experiments/results.h"
#include "experiments/scores/likelihood.h"
#include "experiments/scores/sandbox.h"
#include "experiments/scores/scoring.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/model/threads.h"

namespace specula {

ExitCode score_run_command(const ScoreRunArgs& args) {
  const RunInfo run = read_manifest(args.folder);
  const std::vector<std::string> scorers =
      args.scorers.empty() ? run.scorers.value_or(std::vector<std::string>{}) : args.scorers;
  if (args.run_code) require_sandbox();
  log::info(cat(score_run(args.folder, scorers, args.run_code), " texts were judged"));
  if (args.nll) {
    set_threads(0);
    log::info(cat(measure_likelihoods(args.folder), " texts have a likelihood"));
  }
  std::fputs(write_results(args.folder, run, rebuild_summary(args.folder)).c_str(), stdout);
  return ExitCode::kOk;
}

}  // namespace specula
