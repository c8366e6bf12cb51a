#include "experiments/pages/forest.h"

#include <algorithm>
#include <cmath>

#include "experiments/pages/row_labels.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kNumbersWidth = 132, kTop = 8;
constexpr double kLogFrom = 8;  // a range of so many times is drawn on a log scale

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

}  // namespace

Range forest_range(const std::vector<ForestRow>& rows) {
  Range range = range_of(1, 1);
  for (const ForestRow& row : rows) {
    for (const double v : {row.measured.value, row.measured.interval.low, row.measured.interval.high, row.modelled})
      range.include(v);
  }
  return range;
}

std::string forest_svg(const std::vector<ForestRow>& rows, const Range& range, const ForestShape& shape,
                       const std::string& axis, const std::string& label) {
  std::vector<std::string> names;
  for (const ForestRow& row : rows) names.push_back(row.name);
  const RowLabels labels(names, shape.widest_name, 24);
  const Box plot = {labels.width() + 12, kTop, shape.width - labels.width() - 24 - kNumbersWidth, labels.height()};
  Svg svg(shape.width, plot.bottom() + 40, label);
  const Scale x = forest_scale(range, plot.x, plot.right());
  draw_x_axis(svg, plot, x, axis);
  svg.line({x(1), plot.y}, {x(1), plot.bottom()}, "unity");
  labels.draw(svg, {plot.x - 10, kTop});
  for (size_t i = 0; i < rows.size(); ++i) draw_row(svg, rows[i], x, kTop + labels.middle(i));
  return svg.str();
}

}  // namespace specula
