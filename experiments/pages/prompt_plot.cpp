// Each prompt as a point: the baseline's time against the arm's.
#include "experiments/pages/figure.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kSide = 200;
constexpr Box kSquarePlot = {40, 24, kSide, kSide};

struct Points {
  std::vector<Point> at;  // ms a token: the baseline's, the arm's
  std::vector<std::string> names;
  int64_t faster = 0;
};

Points points_of(const Report& report, size_t arm) {
  Points points;
  for (const PromptRow& row : report.prompts) {
    const PromptCell& cell = row.arms[arm];
    if (!cell.paired()) continue;
    points.at.push_back({cell.base_us_per_token() * 1e-3, cell.us_per_token() * 1e-3});
    points.names.push_back(cat(row.prompt, " (", row.category, "): ", fixed(cell.speedup(), 2), " times"));
    points.faster += cell.speedup() > 1 ? 1 : 0;
  }
  return points;
}

Panel prompt_panel(const std::string& arm, const Points& points, const Range& range) {
  Svg svg(kPanelWidth, kSquarePlot.bottom() + 40, "Time of each prompt: " + arm);
  const Scale x(Scale::Kind::kLog, range, kSquarePlot.x, kSquarePlot.right());
  const Scale y(Scale::Kind::kLog, range, kSquarePlot.bottom(), kSquarePlot.y);
  draw_x_axis(svg, kSquarePlot, x, "baseline, ms a token");
  draw_y_axis(svg, kSquarePlot, y, "arm, ms a token");
  svg.line({x.from(), y.from()}, {x.to(), y.to()}, "unity");
  for (size_t i = 0; i < points.at.size(); ++i)
    svg.mark(Mark::kCircle, {x(points.at[i].x), y(points.at[i].y)}, "point", points.names[i]);
  return {arm, cat(points.faster, " of ", points.at.size(), points.at.size() == 1 ? " prompt" : " prompts", " faster"),
          svg.str()};
}

}  // namespace

Figure prompt_figure(const Report& report) {
  const std::string& base = report.run.baseline().name;
  Figure figure{
      .id = "prompts-scatter",
      .title = "Prompt by prompt",
      .caption =
          cat("Each point is a prompt, all its turns and repetitions together: time of a token with ", base,
              " and with the arm, prefill included, both on log scales.  Below the dashed line the arm is faster.")};
  std::vector<Points> all;
  Range range;
  for (size_t i = 0; i < report.arms.size(); ++i) {
    all.push_back(report.arms[i].baseline ? Points{} : points_of(report, i));
    for (const Point& p : all.back().at) {
      range.include(p.x);
      range.include(p.y);
    }
  }
  if (!range.empty) range = range_of(range.low / 1.1, range.high * 1.1);
  for (size_t i = 0; i < all.size(); ++i) {
    if (report.arms[i].baseline) continue;
    if (all[i].at.empty()) {
      figure.missing.push_back(lacking(report, report.arms[i], reason_text("no_pairs")));
    } else {
      figure.panels.push_back(prompt_panel(report.arms[i].name, all[i], range));
    }
  }
  if (report.arms.size() < 2) figure.missing.emplace_back("the run has no arm beside the baseline");
  return figure;
}

}  // namespace specula
