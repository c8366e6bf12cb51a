// Acceptance by position in the draft: marginal, conditional, and what independent tokens of rate alpha would give.
#include <algorithm>
#include <cmath>

#include "experiments/pages/figure.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

double share(int64_t part, int64_t whole) {
  return whole == 0 ? kNotMeasured : static_cast<double>(part) / static_cast<double>(whole);
}

struct Curve {
  std::string name, line_style, mark_style;
  Mark shape;
};

const Curve kMarginal = {"marginal", "line a", "dot a", Mark::kCircle},
            kConditional = {"conditional", "line b dashed", "dot b", Mark::kSquare};

void draw_curve(Svg& svg, const Curve& curve, const std::vector<Point>& points, const std::vector<std::string>& hints) {
  svg.path(points, curve.line_style);
  for (size_t i = 0; i < points.size(); ++i) svg.mark(curve.shape, points[i], curve.mark_style, hints[i]);
}

Panel depth_panel(const std::string& arm, const CellSummary& cell, size_t deepest) {
  Svg svg(kPanelWidth, kPanelHeight, "Acceptance by position: " + arm);
  const Scale x(Scale::Kind::kWhole, range_of(1, static_cast<double>(deepest)), kPanelPlot.x + 8,
                kPanelPlot.right() - 8);
  const Scale y(Scale::Kind::kLinear, range_of(0, 1), kPanelPlot.bottom(), kPanelPlot.y);
  draw_x_axis(svg, kPanelPlot, x, "position in the draft");
  draw_y_axis(svg, kPanelPlot, y, "share accepted");
  const Estimate& alpha = cell.at("alpha");
  std::vector<Point> marginal, conditional, independent;
  std::vector<std::string> marginal_hints, conditional_hints;
  for (size_t j = 0; j < cell.depths.size(); ++j) {
    const DepthCounts& d = cell.depths[j];
    const auto depth = static_cast<double>(j + 1);
    if (std::isfinite(alpha.value)) independent.push_back({x(depth), y(std::pow(alpha.value, depth))});
    marginal.push_back({x(depth), y(share(d.accepted, d.drafted))});
    marginal_hints.push_back(cat("position ", j + 1, ": ", d.accepted, " of ", d.drafted, " drafted"));
    if (d.tested == 0) continue;
    conditional.push_back({x(depth), y(share(d.accepted, d.tested))});
    conditional_hints.push_back(cat("position ", j + 1, ": ", d.accepted, " of ", d.tested, " tested"));
  }
  svg.path(independent, "line c dotted");
  draw_curve(svg, kConditional, conditional, conditional_hints);
  draw_curve(svg, kMarginal, marginal, marginal_hints);
  const std::string note =
      std::isfinite(alpha.value) ? cat("alpha ", fixed(alpha.value, 3)) : cat("no alpha: ", reason_text(alpha.why));
  return {arm, cat(note, ", ", cell.counts.rounds, " rounds"), svg.str()};
}

}  // namespace

Figure depth_figure(const Report& report) {
  Figure figure{
      .id = "acceptance-by-position",
      .title = "Acceptance by position in the draft",
      .caption =
          "Marginal: rounds that accepted at least so many tokens, of those that drafted as many.  Conditional: "
          "of those only that accepted all tokens before.  Dotted: alpha to the power of the position, which "
          "independent tokens would give."};
  size_t deepest = 0;
  for (const ArmInfo& arm : report.arms) deepest = std::max(deepest, report.cell(arm).depths.size());
  for (const ArmInfo& arm : report.arms) {
    const CellSummary& cell = report.cell(arm);
    if (cell.depths.empty()) {
      figure.missing.push_back(lacking(report, arm, reason_text("nothing_drafted")));
    } else {
      figure.panels.push_back(depth_panel(arm.name, cell, deepest));
    }
  }
  using enum LegendEntry::Kind;
  figure.legend = {{kCircle, kMarginal.mark_style, kMarginal.name},
                   {kSquare, kConditional.mark_style, kConditional.name},
                   {kLine, "line c dotted", "independent tokens"}};
  return figure;
}

}  // namespace specula
