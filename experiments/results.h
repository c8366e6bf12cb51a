// What a finished run or study leaves in its folder beside the records.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/report/summary.h"
#include "experiments/study/study_results.h"

namespace specula {

// The table and the page of a run.  Returns what the user sees.
std::string write_results(const std::filesystem::path& run_folder, const RunInfo& info, const Summary& summary);
// study.md, study.csv and report.html.  Returns what the user sees.
std::string write_results(const std::filesystem::path& study_folder, const StudyResult& result);

bool misses_portable(const StudyResult& result);  // in any cell

}  // namespace specula
