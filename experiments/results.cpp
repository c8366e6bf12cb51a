#include "experiments/results.h"

#include <algorithm>

#include "experiments/pages/report.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {

std::string write_results(const std::filesystem::path& run_folder, const RunInfo& info, const Summary& summary) {
  const std::string table = result_table(info, summary);
  write_file_atomically(run_folder / "table.md", table);
  const std::filesystem::path page = write_page(run_folder, read_report(run_folder, summary));
  return cat(table, "\nWrote ", page.string(), "\n");
}

std::string write_results(const std::filesystem::path& study_folder, const StudyResult& result) {
  const Rankings rankings = rank_choices(result);
  const std::string table = study_table(result, rankings);
  const std::filesystem::path page = study_folder / "report.html";
  write_file_atomically(study_folder / "study.md", table);
  write_file_atomically(study_folder / "study.csv", study_csv(result));
  write_file_atomically(page, study_html(result, rankings));
  return cat(table, "\nWrote ", page.string(), "\n");
}

bool misses_portable(const StudyResult& result) {
  return std::any_of(result.cells.begin(), result.cells.end(),
                     [](const StudyCellResult& cell) { return misses_portable(cell.summary); });
}

}  // namespace specula
