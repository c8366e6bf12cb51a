// What the runs of a study say together: one row for each arm of each cell, the best choice under each condition, and
// the state of every cell.  Derived from the run folders, so it can always be made again.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/report/summary.h"
#include "experiments/report/table.h"
#include "experiments/study/ranking.h"
#include "experiments/study/study.h"

namespace specula {

struct StudyCellResult {
  std::string cell, label;  // cell: the folder's name
  std::vector<Assignment> set;
  std::string state = "waiting";  // waiting, done, partial, interrupted, failed
  std::string error{};            // of a failed one
  RunInfo run{};                  // of a cell that ran
  Summary summary{};
  std::map<std::string, GroupTimes> times{};  // by arm
};

struct StudyResult {
  std::string name;
  std::vector<std::string> paths;  // that are swept
  int draws = 0;                   // of the bootstrap
  uint64_t seed = 0;
  std::vector<StudyCellResult> cells;
};

StudyResult plan_of(const Study& study);  // every cell waiting

// Fills in what the run of a cell says.
void add_run(const std::filesystem::path& run_folder, Summary summary, StudyCellResult& cell);

bool is_study_folder(const std::filesystem::path& folder);
// What sweep.json says, without the runs of its cells.  Throws Error (exit status 2 where there is none).
StudyResult read_plan(const std::filesystem::path& folder);
// The same with the runs that lie beside it; cells that never ran have none.  Throws Error for files that cannot be
// read.
StudyResult read_study(const std::filesystem::path& folder);

// Each condition ("temperature=0.7"; "" if every swept key belongs to an arm) and its choices, the best first.
using Rankings = std::vector<std::pair<std::string, std::vector<Ranked>>>;
Rankings rank_choices(const StudyResult& result);

MarkdownTable cells_table(const StudyResult& result);
std::string study_table(const StudyResult& result, const Rankings& rankings);  // markdown: cells, then best choices
std::string study_html(const StudyResult& result, const Rankings& rankings);   // report.html, links to the cells' pages
std::string study_csv(const StudyResult& result);   // cell, swept keys, arm, metric, value, ci_low, ci_high, n
std::string study_json(const StudyResult& result);  // sweep.json: the plan and the state of each cell

}  // namespace specula
