// Acceptance along the text: drafts are better where a text repeats itself, and worse where the draft model has
// drifted.
#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/pages/figure.h"
#include "experiments/report/grouped_ratio.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr int kMostBins = 12;

using Bins = std::map<int64_t, GroupedRatio>;  // accepted tokens over rounds

Bins bins_of(const Report& report, const std::string& arm, int64_t width) {
  Bins bins;
  for (const Record& r : report.records.records) {
    if (!r.ok || r.key.trace || r.key.arm != arm) continue;
    int64_t position = 0;
    for (size_t i = 0; i < r.rounds.size(); ++i) {
      if (r.rounds.drafted[i] > 0) bins[position / width].add(r.group, r.rounds.accepted[i], 1);
      position += r.rounds.kept[i];
    }
  }
  return bins;
}

int64_t longest_text(const Report& report) {
  int64_t longest = 1;
  for (const Record& r : report.records.records) {
    int64_t length = 0;
    for (const int k : r.rounds.kept) length += k;
    longest = std::max(longest, length);
  }
  return longest;
}

// 1, 2, 4, ... tokens: at most kMostBins of them hold the text.
int64_t bin_width(int64_t length) {
  int64_t width = 1;
  while (width * kMostBins < length) width *= 2;
  return width;
}

struct Shape {
  int64_t width, length;
  double highest;
};

Panel position_panel(const std::string& arm, const Bins& bins, const Shape& shape) {
  Svg svg(kPanelWidth, kPanelHeight, "Acceptance along the text: " + arm);
  const Scale x(Scale::Kind::kLinear, range_of(0, static_cast<double>(shape.length)), kPanelPlot.x, kPanelPlot.right());
  const Scale y(Scale::Kind::kLinear, range_of(0, shape.highest), kPanelPlot.bottom(), kPanelPlot.y);
  draw_x_axis(svg, kPanelPlot, x, "tokens generated before");
  draw_y_axis(svg, kPanelPlot, y, "accepted a round");
  std::vector<Point> line;
  double rounds = 0;
  for (const auto& [index, bin] : bins) {
    const int64_t first = index * shape.width, last = std::min(first + shape.width, shape.length);
    const Point at = {x(static_cast<double>(first + last) / 2), y(bin.mean())};
    const double reach = 1.96 * bin.error();
    if (std::isfinite(reach))
      svg.line({at.x, y(std::max(0.0, bin.mean() - reach))}, {at.x, y(std::min(shape.highest, bin.mean() + reach))},
               "interval");
    line.push_back(at);
    rounds += bin.denominator;
  }
  svg.path(line, "line a");
  size_t i = 0;
  for (const auto& [index, bin] : bins) {
    svg.mark(Mark::kCircle, line[i++], "dot a",
             cat("behind ", index * shape.width, " tokens: ", fixed(bin.mean(), 2), " accepted in ", bin.denominator,
                 " rounds"));
  }
  return {arm, cat(rounds, " rounds"), svg.str()};
}

}  // namespace

Figure position_figure(const Report& report) {
  const int64_t length = longest_text(report), width = bin_width(length);
  Figure figure{
      .id = "acceptance-along-text",
      .title = "Acceptance along the text",
      .caption = cat(
          "Mean of accepted tokens of the rounds that drafted, by where in the text the round began, in steps of ",
          width, width == 1 ? " token" : " tokens", "; bars are 95 % intervals over prompts, cut at the plot's edge.")};
  std::vector<Bins> all;
  double highest = 0;
  for (const ArmInfo& arm : report.arms) {
    all.push_back(bins_of(report, arm.name, width));
    for (const auto& [index, bin] : all.back()) highest = std::max(highest, 1.2 * bin.mean());
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const ArmInfo& arm = report.arms[i];
    if (all[i].empty()) {
      figure.missing.push_back(lacking(report, arm, reason_text("nothing_drafted")));
    } else {
      figure.panels.push_back(position_panel(arm.name, all[i], {width, length, std::max(highest, 0.1)}));
    }
  }
  return figure;
}

}  // namespace specula
