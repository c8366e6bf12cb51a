// The tables of a report.  Page, Markdown and LaTeX print the same ones, so their numbers are the same.
// Licence: Apache-2.0.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "experiments/pages/report.h"
#include "experiments/report/table.h"

namespace specula {

struct ReportTable {
  std::string id, title;  // id: letters and "-"; it names a file
  MarkdownTable table{};
  std::vector<std::string> notes{};  // why figures are missing
};

// A value as every table shows it: digits by the metric's unit.  "–" for NaN.
std::string metric_text(const std::string& metric, double value);
std::string metric_text(const std::string& metric, const Estimate& estimate);  // "1.97 [1.94, 2.00]"

// Each may have no rows.
ReportTable result_arms(const Report& report);
ReportTable result_categories(const Report& report);
ReportTable comparison_table(const Report& report);
ReportTable speed_table(const Report& report);
ReportTable acceptance_table(const Report& report);
ReportTable phase_table(const Report& report);
ReportTable cost_table(const Report& report);
ReportTable work_table(const Report& report);
ReportTable quality_table(const Report& report);
ReportTable arm_table(const Report& report);  // what the arms are
ReportTable model_table(const Report& report);

// Phases of the fenced pass and what is in none, in the order of the round.
inline constexpr int kNumShares = kNumPhases + 1;
const std::vector<std::string>& phase_names();
struct PhaseTimes {
  std::string arm;
  std::array<double, kNumShares> us{};  // a kept token
  double total() const;
};
std::vector<PhaseTimes> phase_times(const Report& report);  // of the arms that have a fenced pass

// Metrics that the tables and figures show.
std::vector<std::string> shown_metrics(const Report& report);

}  // namespace specula
