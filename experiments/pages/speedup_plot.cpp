// The forests of speed-ups, of all prompts and by category.
#include <algorithm>
#include <cmath>

#include "experiments/pages/figure.h"
#include "experiments/pages/forest.h"
#include "framework/core/error.h"

namespace specula {
namespace {

std::vector<ForestRow> rows_of(const Report& report, const std::string& category, std::vector<std::string>& missing) {
  std::vector<ForestRow> rows;
  for (const ArmInfo& arm : report.arms) {
    if (arm.baseline) continue;
    const CellSummary& cell = report.summary.cell(arm.name, category);
    const Estimate& measured = cell.at("speedup");
    if (std::isfinite(measured.value)) {
      rows.push_back({arm.name, measured, cell.at("speedup_model").value});
    } else {
      missing.push_back(lacking(report, arm, reason_text(measured.why)) + (category.empty() ? "" : " on " + category));
    }
  }
  return rows;
}

}  // namespace

Figure speedup_figure(const Report& report) {
  Figure figure{
      .id = "forest",
      .title = "Speed-up of each arm",
      .caption = cat("End to end, against ", report.run.baseline().name,
                     " on the same prompts; the bar is the 95 % interval.  The model is what the costs of the "
                     "fenced pass predict: where the two part, time goes somewhere that it does not know."),
      .wide = true};
  const std::vector<ForestRow> rows = rows_of(report, "", figure.missing);
  if (report.arms.size() < 2) figure.missing.emplace_back("the run has no arm beside the baseline");
  if (rows.empty()) return figure;
  const bool modelled =
      std::any_of(rows.begin(), rows.end(), [](const ForestRow& r) { return std::isfinite(r.modelled); });
  figure.legend = {{LegendEntry::Kind::kSquare, "measured", "measured"}};
  if (modelled) {
    figure.legend.push_back({LegendEntry::Kind::kDiamond, "modelled", "modelled"});
  } else {
    figure.missing.push_back(cat(
        "the model (", report.run.trace_prompts == 0 ? reason_text("no_trace_pass") : "no costs were measured", ")"));
  }
  figure.panels.push_back({"", "", forest_svg(rows, forest_range(rows), {760, 240}, "speed-up", figure.title)});
  return figure;
}

Figure category_figure(const Report& report) {
  Figure figure{.id = "forest-categories",
                .title = "Speed-up by category",
                .caption = "As above, over the prompts of one category; all share one axis.",
                .wide = true};
  if (report.arms.size() < 2) figure.missing.emplace_back("the run has no arm beside the baseline");
  if (report.summary.categories.size() < 2) figure.missing.emplace_back("all prompts are of one category");
  if (!figure.missing.empty()) return figure;
  std::vector<std::vector<ForestRow>> all;
  Range range = range_of(1, 1);
  for (const std::string& category : report.summary.categories) {
    all.push_back(rows_of(report, category, figure.missing));
    const Range here = forest_range(all.back());
    range.include(here.low);
    range.include(here.high);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].empty()) continue;
    const std::string& category = report.summary.categories[i];
    const int64_t prompts = report.summary.cell(report.run.baseline().name, category).num_prompts;
    figure.panels.push_back({category, cat(prompts, prompts == 1 ? " prompt" : " prompts"),
                             forest_svg(all[i], range, {520, 180}, "speed-up", cat(figure.title, ": ", category))});
  }
  return figure;
}

}  // namespace specula
