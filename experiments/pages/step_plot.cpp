// Times of rounds as cumulative shares, each arm against the baseline.
#include <algorithm>

#include "experiments/pages/figure.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kMostPoints = 120;  // of a curve

// Of every round after its record's first, ascending, in ms.
std::vector<double> step_times(const Report& report, const std::string& arm) {
  std::vector<double> times;
  for (const Record& r : report.records.records) {
    if (!r.ok || r.key.trace || r.key.arm != arm) continue;
    for (size_t i = 1; i < r.rounds.ready_us.size(); ++i)
      times.push_back((r.rounds.ready_us[i] - r.rounds.ready_us[i - 1]) * 1e-3);
  }
  std::sort(times.begin(), times.end());
  return times;
}

std::vector<Point> curve(const std::vector<double>& times, const Scale& x, const Scale& y) {
  std::vector<Point> points;
  const size_t count = std::min(kMostPoints, times.size());
  for (size_t i = 0; i < count; ++i) {
    const double share = static_cast<double>(i + 1) / static_cast<double>(count);
    const double time = quantile(times, share);
    points.push_back({x(std::max(time, x.values().low)), y(share)});
  }
  return points;
}

}  // namespace

Figure step_figure(const Report& report) {
  Figure figure{
      .id = "step-times",
      .title = "Times of rounds",
      .caption = cat("Share of the rounds that took at most so long, the first of each record left out; dashed: ",
                     report.run.baseline().name,
                     ".  A round of a drafter keeps several tokens, so longer "
                     "rounds may still be faster text.")};
  std::vector<std::vector<double>> all;
  Range range;
  for (const ArmInfo& arm : report.arms) {
    all.push_back(step_times(report, arm.name));
    const auto positive = std::find_if(all.back().begin(), all.back().end(), [](double t) { return t > 0; });
    if (positive == all.back().end()) continue;
    range.include(*positive);
    range.include(all.back().back());
  }
  const std::vector<double> base = step_times(report, report.run.baseline().name);
  for (size_t i = 0; i < all.size(); ++i) {
    const ArmInfo& arm = report.arms[i];
    if (all[i].empty() || all[i].back() <= 0) {
      figure.missing.push_back(lacking(report, arm, "no record has two timed rounds"));
      continue;
    }
    Svg svg(kPanelWidth, kPanelHeight, "Times of rounds: " + arm.name);
    const Scale x(Scale::Kind::kLog, range, kPanelPlot.x, kPanelPlot.right());
    const Scale y(Scale::Kind::kLinear, range_of(0, 1), kPanelPlot.bottom(), kPanelPlot.y);
    draw_x_axis(svg, kPanelPlot, x, "ms a round");
    draw_y_axis(svg, kPanelPlot, y, "share of rounds");
    if (!arm.baseline) svg.path(curve(base, x, y), "line c dashed");
    svg.path(curve(all[i], x, y), "line a");
    const CellSummary& cell = report.cell(arm);
    figure.panels.push_back({arm.name,
                             cat("p50 ", three_digits(cell.at("step_p50_ms").value), ", p99 ",
                                 three_digits(cell.at("step_p99_ms").value), " ms"),
                             svg.str()});
  }
  using enum LegendEntry::Kind;
  figure.legend = {{kLine, "line a", "the arm"}, {kLine, "line c dashed", report.run.baseline().name}};
  return figure;
}

}  // namespace specula
