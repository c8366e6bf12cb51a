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

// What is derived of a run: summary, table and page.  Returns what the user sees.
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
      : study_(study), runner_(runner), signals_(signals), states_(study.cells.size()) {}

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
    const StudyCell& cell = study_.cells[i];
    log::info(cat("cell ", i + 1, " of ", study_.cells.size(), ": ", cell.label));
    try {
      const CellResult result = runner_.run(cell.config, signals_);
      states_[i].state = is_interruption(result.code)        ? "interrupted"
                         : result.code == ExitCode::kPartial ? "partial"
                                                             : "done";
      if (!is_interruption(result.code) && !result.was_finished) write_results(result, rebuild_summary(result.folder));
      return result.code;
    } catch (const std::exception& e) {
      log::error(cat(cell.label, ": ", e.what()));
      states_[i] = {.state = "failed", .error = e.what()};
      return ExitCode::kPartial;
    }
  }

  bool is_hopeless() const {
    const auto failed =
        std::count_if(states_.begin(), states_.end(), [](const CellState& s) { return s.state == "failed"; });
    if (failed == 0) return false;
    const double share = static_cast<double>(failed) / static_cast<double>(states_.size());
    if (study_.keys.on_error == "continue" && share <= study_.keys.max_failed_frac) return false;
    log::error(cat(failed, " of ", states_.size(), " cells failed; the rest was not run ([sweep] on_error = \"",
                   study_.keys.on_error, "\", max_failed_frac = ", study_.keys.max_failed_frac, ")"));
    return true;
  }

  void keep() const {
    StudyResult plan{.name = study_.name, .paths = study_.paths, .cells = {}};
    for (size_t i = 0; i < study_.cells.size(); ++i) plan.cells.push_back(describe(study_.cells[i], states_[i]));
    write_file_atomically(study_.folder() / "sweep.json", study_json(plan));
  }

  // Returns whether a cell misses an expectation.
  bool print() const {
    const StudyResult result = read_results(study_, states_);
    const std::string table = study_table(result);
    write_file_atomically(study_.folder() / "study.md", table);
    write_file_atomically(study_.folder() / "study.csv", study_csv(result));
    std::fputs(cat(table, "\nWrote ", study_.folder().string(), "\n").c_str(), stdout);
    return std::any_of(result.cells.begin(), result.cells.end(),
                       [](const StudyCellResult& cell) { return misses_portable(cell.summary); });
  }

  const Study& study_;
  CellRunner& runner_;
  const SignalScope& signals_;
  std::vector<CellState> states_;
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
