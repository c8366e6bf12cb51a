// report.md: the page's tables and sentences, for pull requests.
#include <sstream>

#include "experiments/pages/markup.h"
#include "experiments/pages/tables.h"
#include "experiments/report/metrics.h"
#include "framework/core/error.h"

namespace specula {
namespace {

std::string markdown_table(const MarkdownTable& table) {
  MarkdownTable safe;
  for (size_t c = 0; c < table.titles().size(); ++c)
    safe.column(markdown_escaped(table.titles()[c]), table.aligns()[c]);
  for (const auto& row : table.rows()) {
    std::vector<std::string> cells;
    for (const std::string& cell : row) cells.push_back(markdown_escaped(cell));
    safe.row(std::move(cells));
  }
  return safe.text();
}

std::string section(const ReportTable& table) {
  if (table.table.rows().empty() && table.notes.empty()) return "";
  std::string text = cat("\n## ", markdown_escaped(table.title), "\n\n");
  if (!table.table.rows().empty()) text += markdown_table(table.table) + (table.notes.empty() ? "" : "\n");
  for (const std::string& note : table.notes) text += cat("- ", markdown_escaped(note), "\n");
  return text;
}

}  // namespace

std::string report_markdown(const Report& report) {
  const RunInfo& run = report.run;
  std::string header = header_line(run);
  header.pop_back();  // its line break
  std::string text = cat("# ", markdown_escaped(run.experiment), "\n\n**", markdown_escaped(verdict(report)), "**\n\n",
                         markdown_escaped(header), "\n\n", markdown_table(result_arms(report).table));
  for (const std::string& line : result_remarks(report)) text += cat("\n", markdown_escaped(line), "\n");
  const std::vector<std::string> all = warnings(report);
  if (!all.empty()) text += "\n## Warnings and exclusions\n\n";
  for (const std::string& w : all) text += cat("- ", markdown_escaped(w), "\n");
  for (const auto make : {result_categories, comparison_table, speed_table, acceptance_table, phase_table, cost_table,
                          work_table, quality_table, arm_table, model_table})
    text += section(make(report));
  text += "\n## Run it again\n\n```\n" + rerun_command(run) + "```\n\n## Definitions\n\n";
  for (const std::string& name : shown_metrics(report)) {
    const MetricDefinition& m = *find_metric(name);
    text += cat("- **", markdown_escaped(name), "** (", m.unit, "): ", markdown_escaped(m.definition), "\n");
  }
  return text;
}

}  // namespace specula
