// `specula run`: one run, every cell of a study, or a shard of either; then the table of what they say.
#include <algorithm>
#include <cstdio>

#include "experiments/commands.h"
#include "experiments/report/summary.h"
#include "experiments/results.h"
#include "experiments/run/file_lock.h"
#include "experiments/run_cell.h"
#include "experiments/study/study_results.h"
#include "framework/core/files.h"
#include "framework/core/log.h"

namespace specula {
namespace {

bool is_interruption(ExitCode code) { return code == ExitCode::kInterrupted || code == ExitCode::kUserInterrupt; }

void note_interruption(const std::filesystem::path& folder) {
  log::warning(cat("interrupted; the same command finishes ", folder.string()));
}

ExitCode run_one(const ExperimentConfig& config, CellRunner& runner, const SignalScope& signals) {
  const CellResult cell = runner.run(config, signals);
  if (cell.was_finished) log::info("this run is finished; --resume never begins a new one beside it");
  if (is_interruption(cell.code)) {
    note_interruption(cell.folder);
  } else {
    const Summary summary = rebuild_summary(cell.folder);
    std::fputs(write_results(cell.folder, cell.info, summary).c_str(), stdout);
    if (cell.code == ExitCode::kOk && misses_portable(summary)) return ExitCode::kExpectation;
  }
  return cell.code;
}

bool is_hopeless(const SweepKeys& keys, int64_t failed, size_t cells) {
  if (failed == 0) return false;
  const double share = static_cast<double>(failed) / static_cast<double>(cells);
  if (keys.on_error == "continue" && share <= keys.max_failed_frac) return false;
  log::error(cat(failed, " of ", cells, " cells failed; the rest was not run ([sweep] on_error = \"", keys.on_error,
                 "\", max_failed_frac = ", keys.max_failed_frac, ")"));
  return true;
}

// The cells of a study, one after the other.  sweep.json always tells how far it is.
class StudyRun {
 public:
  StudyRun(const Study& study, CellRunner& runner, const SignalScope& signals)
      : study_(study), runner_(runner), signals_(signals), result_(plan_of(study)) {}

  ExitCode run() {
    std::filesystem::create_directories(study_.folder());
    keep();
    ExitCode code = ExitCode::kOk;
    for (size_t i = 0; i < study_.cells.size() && !is_interruption(code); ++i) {
      const ExitCode cell = run_cell(i);
      if (cell != ExitCode::kOk) code = cell;
      keep();
      const auto failed = std::count_if(result_.cells.begin(), result_.cells.end(),
                                        [](const StudyCellResult& c) { return c.state == "failed"; });
      if (is_hopeless(study_.keys, failed, result_.cells.size())) break;
    }
    if (is_interruption(code)) {
      note_interruption(study_.folder());
    } else {
      std::fputs(write_results(study_.folder(), result_).c_str(), stdout);
      if (code == ExitCode::kOk && misses_portable(result_)) code = ExitCode::kExpectation;
    }
    return code;
  }

 private:
  ExitCode run_cell(size_t i) {
    StudyCellResult& cell = result_.cells[i];
    log::info(cat("cell ", i + 1, " of ", result_.cells.size(), ": ", cell.label));
    try {
      const CellResult run = runner_.run(study_.cells[i].config, signals_);
      cell.state = is_interruption(run.code) ? "interrupted" : run.code == ExitCode::kPartial ? "partial" : "done";
      if (is_interruption(run.code)) return run.code;
      Summary summary = rebuild_summary(run.folder);
      if (!run.was_finished) write_results(run.folder, run.info, summary);
      add_run(run.folder, std::move(summary), cell);
      return run.code;
    } catch (const std::exception& e) {
      log::error(cat(cell.label, ": ", e.what()));
      cell.state = "failed";
      cell.error = e.what();
      const std::filesystem::path folder = study_.folder_of(study_.cells[i]);
      if (std::filesystem::exists(folder / "manifest.json"))
        add_run(folder, summarize(read_manifest(folder), read_records(folder)), cell);
      return ExitCode::kPartial;
    }
  }

  void keep() const { write_file_atomically(study_.folder() / "sweep.json", study_json(result_)); }

  const Study& study_;
  CellRunner& runner_;
  const SignalScope& signals_;
  StudyResult result_;
};

std::vector<std::string> cell_names(const StudyResult& study) {
  std::vector<std::string> names;
  for (const StudyCellResult& cell : study.cells) names.push_back(cell.cell);
  return names;
}

// sweep.json is written by the shard that comes first, and then by `specula merge`.
void keep_plan(const Study& study) {
  const std::filesystem::path folder = study.folder();
  std::filesystem::create_directories(folder);
  FileLock lock(folder / ".lock");
  lock.wait();
  const StudyResult plan = plan_of(study);
  if (!std::filesystem::exists(folder / "sweep.json")) {
    write_file_atomically(folder / "sweep.json", study_json(plan));
    return;
  }
  const std::vector<std::string> begun = cell_names(read_plan(folder)), now = cell_names(plan);
  if (begun != now)
    throw ConfigError(cat(folder.string(), ": this study was begun with the cells ", join(begun), ", and these are ",
                          join(now), "; give another --out"));
}

// A shard of a run, or of each cell of a study.  What they say together is for `specula merge`.
ExitCode run_shard(const Study& study, CellRunner& runner, const Shard& shard, const SignalScope& signals) {
  const std::filesystem::path folder = study.is_sweep ? study.folder() : study.folder_of(study.cells.front());
  if (study.is_sweep) keep_plan(study);
  ExitCode code = ExitCode::kOk;
  int64_t failed = 0;
  for (const StudyCell& cell : study.cells) {
    try {
      const CellResult run = runner.run(cell.config, signals);
      if (run.code != ExitCode::kOk) code = run.code;
    } catch (const std::exception& e) {
      if (!study.is_sweep) throw;
      log::error(cat(cell.label, ": ", e.what()));
      code = ExitCode::kPartial;
      if (is_hopeless(study.keys, ++failed, study.cells.size())) return code;
    }
    if (is_interruption(code)) {
      note_interruption(folder);
      return code;
    }
  }
  log::info(cat("shard ", shard.text(), " has ended; when all have, specula merge ", folder.string()));
  return code;
}

}  // namespace

ExitCode run_command(const RunArgs& args) {
  const SignalScope signals;
  const Shard shard = args.shard.empty() ? Shard{} : parse_shard(args.shard);
  if (!shard.is_whole() && args.resume == "never")
    throw ConfigError("--resume never would give each --shard a run of its own; give another --out");
  const Registries registries = make_registries();
  const Study study = load_study(args.config, args.overrides, registries);
  CellRunner runner(registries, args, shard);
  for (const std::string& label : study.repeated)
    log::info(cat("cell ", label, " says what an earlier one says; it is left out"));
  if (!shard.is_whole()) return run_shard(study, runner, shard, signals);
  if (!study.is_sweep) return run_one(study.cells.front().config, runner, signals);
  return StudyRun(study, runner, signals).run();
}

}  // namespace specula
