// The forest of speed-ups: a row for each arm, its interval, and the line at 1.
#include <algorithm>
#include <cmath>

#include "experiments/pages/figure.h"
#include "experiments/pages/row_labels.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

struct ForestRow {
  std::string name;
  Estimate measured;
  double modelled = kNotMeasured;
};

struct ForestShape {
  double width, widest_name;
};

constexpr double kNumbersWidth = 132, kTop = 8;
constexpr double kLogFrom = 8;  // a range of so many times is drawn on a log scale

Range extent(const std::vector<ForestRow>& rows) {
  Range range = range_of(1, 1);
  for (const ForestRow& row : rows) {
    for (const double v : {row.measured.value, row.measured.interval.low, row.measured.interval.high, row.modelled})
      range.include(v);
  }
  return range;
}

Scale forest_scale(Range range, double from, double to) {
  const bool log = range.low > 0 && range.high / range.low > kLogFrom;
  if (log) return {Scale::Kind::kLog, range_of(range.low / 1.1, range.high * 1.1), from, to};
  const double margin = std::max(0.05, (range.high - range.low) * 0.05);
  return {Scale::Kind::kLinear, range_of(std::max(0.0, range.low - margin), range.high + margin), from, to};
}

void draw_row(Svg& svg, const ForestRow& row, const Scale& x, double y) {
  const Estimate& e = row.measured;
  if (!std::isfinite(e.value)) {
    svg.text({x.to() + 12, y + 4}, "–", Anchor::kStart, "muted");
    return;
  }
  const std::string text = with_interval(e), hint = cat(row.name, ": ", text);
  if (std::isfinite(e.interval.low)) {
    svg.line({x(e.interval.low), y}, {x(e.interval.high), y}, "interval");
    for (const double end : {e.interval.low, e.interval.high}) svg.line({x(end), y - 4}, {x(end), y + 4}, "interval");
  }
  if (std::isfinite(row.modelled))
    svg.mark(Mark::kDiamond, {x(row.modelled), y}, "modelled", cat(row.name, ", modelled: ", fixed(row.modelled, 2)));
  svg.mark(Mark::kSquare, {x(e.value), y}, "measured", hint);
  svg.text({x.to() + 12, y + 4}, text, Anchor::kStart);
}

std::string forest(const std::vector<ForestRow>& rows, const Range& range, const ForestShape& shape,
                   const std::string& label) {
  std::vector<std::string> names;
  for (const ForestRow& row : rows) names.push_back(row.name);
  const RowLabels labels(names, shape.widest_name, 24);
  const Box plot = {labels.width() + 12, kTop, shape.width - labels.width() - 24 - kNumbersWidth, labels.height()};
  Svg svg(shape.width, plot.bottom() + 40, label);
  const Scale x = forest_scale(range, plot.x, plot.right());
  draw_x_axis(svg, plot, x, "speed-up");
  svg.line({x(1), plot.y}, {x(1), plot.bottom()}, "unity");
  labels.draw(svg, {plot.x - 10, kTop});
  for (size_t i = 0; i < rows.size(); ++i) draw_row(svg, rows[i], x, kTop + labels.middle(i));
  return svg.str();
}

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
  figure.panels.push_back({"", "", forest(rows, extent(rows), {760, 240}, figure.title)});
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
    const Range here = extent(all.back());
    range.include(here.low);
    range.include(here.high);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].empty()) continue;
    const std::string& category = report.summary.categories[i];
    const int64_t prompts = report.summary.cell(report.run.baseline().name, category).num_prompts;
    figure.panels.push_back({category, cat(prompts, prompts == 1 ? " prompt" : " prompts"),
                             forest(all[i], range, {520, 180}, cat(figure.title, ": ", category))});
  }
  return figure;
}

}  // namespace specula
