// Energy against speed: every arm in each drawing, one of them marked.
#include <algorithm>
#include <cmath>

#include "experiments/pages/figure.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

struct Spent {
  std::string arm;
  const Estimate *speed, *energy;  // tok/s, J/token
};

// Another arm that is as fast and spends as little, and is better in one of the two; null: the arm is on the frontier.
const Spent* better(const std::vector<Spent>& all, const Spent& arm) {
  const auto beats = [&](const Spent& other) {
    const double faster = other.speed->value - arm.speed->value, less = arm.energy->value - other.energy->value;
    return faster >= 0 && less >= 0 && faster + less > 0;
  };
  const auto found = std::find_if(all.begin(), all.end(), beats);
  return found == all.end() ? nullptr : &*found;
}

struct Scales {
  Scale x, y;
};

Panel energy_panel(const std::vector<Spent>& all, const Spent& arm, const Scales& scales) {
  Svg svg(kPanelWidth, kPanelHeight, "Energy against speed: " + arm.arm);
  draw_x_axis(svg, kPanelPlot, scales.x, "tok/s");
  draw_y_axis(svg, kPanelPlot, scales.y, "J a token");
  for (const Spent& other : all)
    svg.mark(Mark::kCircle, {scales.x(other.speed->value), scales.y(other.energy->value)}, "point", other.arm);
  const Point at = {scales.x(arm.speed->value), scales.y(arm.energy->value)};
  if (std::isfinite(arm.speed->interval.low))
    svg.line({scales.x(arm.speed->interval.low), at.y}, {scales.x(arm.speed->interval.high), at.y}, "interval");
  if (std::isfinite(arm.energy->interval.low))
    svg.line({at.x, scales.y(arm.energy->interval.low)}, {at.x, scales.y(arm.energy->interval.high)}, "interval");
  svg.mark(
      Mark::kSquare, at, "measured",
      cat(arm.arm, ": ", three_digits(arm.speed->value), " tok/s, ", three_digits(arm.energy->value), " J a token"));
  const Spent* const beaten_by = better(all, arm);
  return {arm.arm, beaten_by == nullptr ? "no arm is faster for less" : beaten_by->arm + " is faster for less",
          svg.str()};
}

}  // namespace

Figure energy_figure(const Report& report) {
  Figure figure{.id = "energy-speed",
                .title = "Energy against speed",
                .caption =
                    "Each drawing marks one arm among all of them, with 95 % intervals; the best place is below "
                    "on the right."};
  std::vector<Spent> all;
  Range speed, energy;
  for (const ArmInfo& arm : report.arms) {
    const CellSummary& cell = report.cell(arm);
    const Spent spent = {arm.name, &cell.at("e2e_tok_s"), &cell.at("j_per_tok")};
    if (!std::isfinite(spent.energy->value)) {
      figure.missing.push_back(lacking(report, arm, reason_text(spent.energy->why)));
      continue;
    }
    all.push_back(spent);
    for (const double v : {spent.speed->value, spent.speed->interval.low, spent.speed->interval.high}) speed.include(v);
    for (const double v : {spent.energy->value, spent.energy->interval.low, spent.energy->interval.high})
      energy.include(v);
  }
  if (all.empty()) return figure;
  const Scales scales = {
      {Scale::Kind::kLinear, range_of(speed.low * 0.97, speed.high * 1.03), kPanelPlot.x, kPanelPlot.right()},
      {Scale::Kind::kLinear, range_of(energy.low * 0.97, energy.high * 1.03), kPanelPlot.bottom(), kPanelPlot.y}};
  for (const Spent& arm : all) figure.panels.push_back(energy_panel(all, arm, scales));
  return figure;
}

}  // namespace specula
