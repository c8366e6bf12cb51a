// A study as its folder tells it: sweep.json has the plan, the cells' folders what was measured.
#include "experiments/study/study_results.h"

namespace specula {

bool is_study_folder(const std::filesystem::path& folder) { return std::filesystem::exists(folder / "sweep.json"); }

StudyResult read_study(const std::filesystem::path& folder) {
  StudyResult study = read_plan(folder);
  for (StudyCellResult& cell : study.cells) {
    const std::filesystem::path run_folder = folder / cell.cell;
    if (std::filesystem::exists(run_folder / "manifest.json"))
      add_run(run_folder, summarize(read_manifest(run_folder), read_records(run_folder)), cell);
  }
  return study;
}

}  // namespace specula
