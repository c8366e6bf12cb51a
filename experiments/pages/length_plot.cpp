// How many drafted tokens a round accepts.
#include <algorithm>

#include "experiments/pages/figure.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

double largest_share(const CellSummary& cell) {
  int64_t most = 0;
  for (const int64_t n : cell.accepted_histogram) most = std::max(most, n);
  return cell.counts.rounds == 0 ? 0 : static_cast<double>(most) / static_cast<double>(cell.counts.rounds);
}

Panel length_panel(const std::string& arm, const CellSummary& cell, size_t longest, double highest) {
  Svg svg(kPanelWidth, kPanelHeight, "Accepted tokens of a round: " + arm);
  const double places = static_cast<double>(longest) + 1, width = kPanelPlot.width / places;
  const Scale x(Scale::Kind::kWhole, range_of(0, static_cast<double>(longest)), kPanelPlot.x + width / 2,
                kPanelPlot.right() - width / 2);
  const Scale y(Scale::Kind::kLinear, range_of(0, highest), kPanelPlot.bottom(), kPanelPlot.y);
  draw_y_axis(svg, kPanelPlot, y, "share of rounds");
  const auto rounds = static_cast<double>(cell.counts.rounds);
  for (size_t n = 0; n < cell.accepted_histogram.size(); ++n) {
    const int64_t count = cell.accepted_histogram[n];
    const double top = y(static_cast<double>(count) / rounds), left = kPanelPlot.x + static_cast<double>(n) * width;
    svg.rect({left + width * 0.1, top, width * 0.8, kPanelPlot.bottom() - top}, "bar",
             cat(n, " accepted: ", count, " of ", cell.counts.rounds, " rounds"));
  }
  draw_x_axis(svg, {kPanelPlot.x, kPanelPlot.bottom(), kPanelPlot.width, 0}, x, "accepted tokens");
  const double mean = cell.at("accepted_per_step").value;
  svg.line({x(mean), kPanelPlot.y}, {x(mean), kPanelPlot.bottom()}, "mean");
  return {arm, cat("mean ", fixed(mean, 2), " of ", fixed(cell.at("drafted_per_step").value, 2), " drafted"),
          svg.str()};
}

}  // namespace

Figure length_figure(const Report& report) {
  Figure figure{
      .id = "accepted-lengths",
      .title = "Accepted tokens of a round",
      .caption =
          "Share of rounds that accepted so many drafted tokens, the extra token not counted.  The dashed line "
          "is the mean."};
  size_t longest = 0;
  double highest = 0;
  for (const ArmInfo& arm : report.arms) {
    const CellSummary& cell = report.cell(arm);
    if (cell.counts.drafted == 0) {
      figure.missing.push_back(lacking(report, arm, reason_text("nothing_drafted")));
      continue;
    }
    longest = std::max(longest, cell.accepted_histogram.size() - 1);
    highest = std::max(highest, largest_share(cell));
  }
  for (const ArmInfo& arm : report.arms) {
    const CellSummary& cell = report.cell(arm);
    if (cell.counts.drafted > 0) figure.panels.push_back(length_panel(arm.name, cell, longest, highest));
  }
  return figure;
}

}  // namespace specula
