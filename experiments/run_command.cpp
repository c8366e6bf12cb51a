// `specula run`: one run, or every cell of a study, then the table of what they say.
#include <algorithm>
#include <cstdio>

#include "experiments/commands.h"
#include "experiments/pages/report.h"
#include "experiments/report/summary.h"
#include "experiments/report/table.h"
#include "experiments/run_cell.h"
#include "experiments/study/study_results.h"
#include "framework/core/files.h"
#include "framework/core/log.h"

namespace specula {
namespace {

bool is_interruption(ExitCode code) { return code == ExitCode::kInterrupted || code == ExitCode::kUserInterrupt; }

// The table and the page of a run.  Returns what the user sees.
std::string write_results(const CellResult& cell, const Summary& summary) {
  const std::string table = result_table(cell.info, summary);
  write_file_atomically(cell.folder / "table.md", table);
  const std::filesystem::path page = write_page(cell.folder, read_report(cell.folder, summary));
  return cat(table, "\nWrote ", page.string(), "\n");
}

ExitCode run_one(const ExperimentConfig& config, CellRunner& runner, const SignalScope& signals) {
  const CellResult cell = runner.run(config, signals);
  if (cell.was_finished) log::info("this run is finished; --resume never begins a new one beside it");
  if (is_interruption(cell.code)) {
    log::warning(cat("interrupted; the same command finishes ", cell.folder.string()));
  } else {
    const Summary summary = rebuild_summary(cell.folder);
    std::fputs(write_results(cell, summary).c_str(), stdout);
    if (cell.code == ExitCode::kOk && misses_portable(summary)) return ExitCode::kExpectation;
  }
  return cell.code;
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
      if (is_hopeless()) break;
    }
    if (is_interruption(code)) {
      log::warning(cat("interrupted; the same command finishes ", study_.folder().string()));
    } else if (print() && code == ExitCode::kOk) {
      code = ExitCode::kExpectation;
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
      if (!run.was_finished) write_results(run, summary);
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

  bool is_hopeless() const {
    const auto failed = std::count_if(result_.cells.begin(), result_.cells.end(),
                                      [](const StudyCellResult& cell) { return cell.state == "failed"; });
    if (failed == 0) return false;
    const double share = static_cast<double>(failed) / static_cast<double>(result_.cells.size());
    if (study_.keys.on_error == "continue" && share <= study_.keys.max_failed_frac) return false;
    log::error(cat(failed, " of ", result_.cells.size(), " cells failed; the rest was not run ([sweep] on_error = \"",
                   study_.keys.on_error, "\", max_failed_frac = ", study_.keys.max_failed_frac, ")"));
    return true;
  }

  void keep() const { write_file_atomically(study_.folder() / "sweep.json", study_json(result_)); }

  // Returns whether a cell misses an expectation.
  bool print() const {
    const Rankings rankings = rank_choices(result_);
    write_study(study_.folder(), result_, rankings);
    const std::string page = (study_.folder() / "report.html").string();
    std::fputs(cat(study_table(result_, rankings), "\nWrote ", page, "\n").c_str(), stdout);
    return std::any_of(result_.cells.begin(), result_.cells.end(),
                       [](const StudyCellResult& cell) { return misses_portable(cell.summary); });
  }

  const Study& study_;
  CellRunner& runner_;
  const SignalScope& signals_;
  StudyResult result_;
};

}  // namespace

ExitCode run_command(const RunArgs& args) {
  const Registries registries = make_registries();
  const Study study = load_study(args.config, args.overrides, registries);
  CellRunner runner(registries, args);
  const SignalScope signals;
  if (!study.is_sweep) return run_one(study.cells.front().config, runner, signals);
  for (const std::string& label : study.repeated)
    log::info(cat("cell ", label, " says what an earlier one says; it is left out"));
  return StudyRun(study, runner, signals).run();
}

}  // namespace specula
