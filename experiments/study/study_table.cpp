#include <algorithm>

#include "experiments/config/config_reader.h"
#include "experiments/report/csv.h"
#include "experiments/report/table.h"
#include "experiments/study/axis_series.h"
#include "experiments/study/study_results.h"

namespace specula {
namespace {

using Align = MarkdownTable::Align;

// "" where the cell leaves the key as the file has it.
std::string value_at(const StudyCellResult& cell, const std::string& path) {
  for (const Assignment& set : cell.set) {
    if (set.path == path) return short_text(set.value);
  }
  return "";
}

std::vector<std::string> arm_row(const StudyCellResult& cell, const ArmInfo& arm) {
  const CellSummary& all = cell.summary.cell(arm.name, "");
  const Comparison* comparison = cell.summary.comparison(arm.name);
  return {arm.name,
          three_digits(all.at("e2e_tok_s").value),
          with_interval(all.at("speedup")),
          fixed(all.at("speedup_model").value, 2),
          fixed(all.at("tau").value, 2),
          fixed(all.at("alpha").value, 3),
          cat(all.num_prompts),
          arm.guarantee,
          comparison == nullptr ? "repeats " + arm.duplicate_of : comparison->verdict};
}

std::string ranking_text(const std::string& condition, const std::vector<Ranked>& ranking) {
  if (ranking.size() < 2) return "";
  std::vector<std::string> alike, slower;
  for (size_t i = 1; i < ranking.size(); ++i) {
    const Ranked& r = ranking[i];
    const std::string text = cat(r.name, " ", with_interval(r.ratio), ", p ", p_text(r.p_adjusted));
    (r.verdict == "slower" ? slower : alike).push_back(text);
  }
  std::string text =
      cat("\nBest", condition.empty() ? "" : " at " + condition, ": **", ranking.front().name, "**, speed-up ",
          with_interval(ranking.front().speedup), against_baseline(ranking.front().speedup), "\n");
  if (!alike.empty()) text += cat("- not told from it: ", join(alike, "; "), "\n");
  if (!slower.empty()) text += cat("- slower: ", join(slower, "; "), "\n");
  return text;
}

// Of each swept number, where drafting stops to pay.
std::string crossovers_text(const StudyResult& result) {
  std::string text;
  for (const Axis& axis : number_axes(result)) {
    text += cat("\nAlong ", axis.key, ":\n");
    for (const AxisSeries& series : axis.series) {
      const std::string crossover = crossover_text(axis, series);
      if (!crossover.empty()) text += cat("- ", crossover, "\n");
    }
  }
  return text;
}

std::string failures_text(const StudyResult& result) {
  std::string text;
  for (const StudyCellResult& cell : result.cells) {
    if (!cell.error.empty()) text += cat("! ", cell.label, ": ", cell.error, "\n");
  }
  return text.empty() ? "" : "\n" + text;
}

}  // namespace

MarkdownTable cells_table(const StudyResult& result) {
  MarkdownTable table;
  for (const std::string& path : result.paths) table.column(short_name(path, result.paths), Align::kRight);
  table.column("arm", Align::kLeft);
  for (const char* title : {"tok/s", "speedup (95% CI)", "model", "tau", "alpha", "prompts"})
    table.column(title, Align::kRight);
  table.column("guarantee", Align::kLeft);
  table.column("verdict", Align::kLeft);
  for (const StudyCellResult& cell : result.cells) {
    std::vector<std::string> keys;
    for (const std::string& path : result.paths) keys.push_back(value_at(cell, path));
    const auto row = [&](const std::vector<std::string>& values) {
      std::vector<std::string> cells = keys;
      cells.insert(cells.end(), values.begin(), values.end());
      table.row(std::move(cells));
    };
    for (const ArmInfo& arm : cell.run.arms) {
      if (!arm.baseline) row(arm_row(cell, arm));
    }
    if (cell.times.empty()) row({"", "–", "–", "–", "–", "–", "–", "", cell.state});
  }
  return table;
}

std::string study_table(const StudyResult& result, const Rankings& rankings) {
  std::string text = cat(result.name, ": ", result.cells.size(), " cells\n\n", cells_table(result).text());
  for (const auto& [condition, ranking] : rankings) text += ranking_text(condition, ranking);
  if (text.find("\nBest") != std::string::npos)
    text +=
        "(ratio of speed-ups to the best with 95% interval, each against the baseline of its own cell; p: Wilcoxon "
        "over "
        "groups of prompts, Bonferroni over all pairs of choices)\n";
  return text + crossovers_text(result) + failures_text(result);
}

std::string study_csv(const StudyResult& result) {
  std::string text = "cell";
  for (const std::string& path : result.paths) text += "," + csv_text(path);
  text += ",arm,metric,value,ci_low,ci_high,n\n";
  for (const StudyCellResult& cell : result.cells) {
    std::string head = cell.cell;
    for (const std::string& path : result.paths) head += "," + csv_text(value_at(cell, path));
    for (const CellSummary& arm : cell.summary.cells) {
      if (!arm.category.empty()) continue;
      for (const NamedEstimate& metric : arm.metrics) {
        const Estimate& e = metric.estimate;
        text += cat(head, ",", csv_text(arm.arm), ",", metric.name, ",", csv_number(e.value), ",",
                    csv_number(e.interval.low), ",", csv_number(e.interval.high), ",", e.n, "\n");
      }
    }
  }
  return text;
}

}  // namespace specula
