#include "experiments/study/axis_plot.h"

#include <algorithm>
#include <cmath>

#include "experiments/report/table.h"
#include "experiments/study/axis_series.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kLogFrom = 8;  // numbers that span so many times are drawn on a log scale

// A metric with its interval, and what is drawn beside it.
struct AxisPlot {
  std::string metric, beside;  // beside: a second metric, without interval; "": none
  bool unity = false;          // the line at 1
};

struct AxisScales {
  Scale x, y;
};

Range extent(const std::vector<AxisSeries>& all, const AxisPlot& plot) {
  Range range = range_of(1, 1);
  for (const AxisSeries& series : all) {
    for (const AxisPoint& point : series.points) {
      const Estimate& e = point.cell->at(plot.metric);
      for (const double v : {e.value, e.interval.low, e.interval.high}) range.include(v);
      if (!plot.beside.empty()) range.include(point.cell->at(plot.beside).value);
    }
  }
  return range_of(std::max(0.0, range.low * 0.95), range.high * 1.05);
}

Scale x_scale(const std::vector<double>& numbers) {
  const double low = numbers.front(), high = numbers.back(), from = kPanelPlot.x + 8, to = kPanelPlot.right() - 8;
  if (low > 0 && high / low > kLogFrom) return {Scale::Kind::kLog, range_of(low, high), from, to};
  const bool whole = std::all_of(numbers.begin(), numbers.end(), [](double x) { return x == std::floor(x); });
  return {whole ? Scale::Kind::kWhole : Scale::Kind::kLinear, range_of(low, high), from, to};
}

std::string axis_panel(const AxisSeries& series, const AxisPlot& plot, const AxisScales& scales,
                       const std::string& key) {
  Svg svg(kPanelWidth, kPanelHeight, cat(plot.metric, " against ", key, ": ", series.name));
  draw_x_axis(svg, kPanelPlot, scales.x, key);
  draw_y_axis(svg, kPanelPlot, scales.y, plot.metric);
  if (plot.unity) svg.line({kPanelPlot.x, scales.y(1)}, {kPanelPlot.right(), scales.y(1)}, "unity");
  std::vector<Point> line, beside;
  for (const AxisPoint& point : series.points) {
    const Estimate& e = point.cell->at(plot.metric);
    if (std::isfinite(e.value)) line.push_back({scales.x(point.x), scales.y(e.value)});
    if (std::isfinite(e.interval.low))
      svg.line({scales.x(point.x), scales.y(e.interval.low)}, {scales.x(point.x), scales.y(e.interval.high)},
               "interval");
    const double other = plot.beside.empty() ? kNotMeasured : point.cell->at(plot.beside).value;
    if (std::isfinite(other)) beside.push_back({scales.x(point.x), scales.y(other)});
  }
  svg.path(beside, "line b dashed");
  for (const Point& at : beside) svg.mark(Mark::kDiamond, at, "modelled");
  svg.path(line, "line a");
  for (const AxisPoint& point : series.points) {
    const Estimate& e = point.cell->at(plot.metric);
    if (std::isfinite(e.value))
      svg.mark(Mark::kSquare, {scales.x(point.x), scales.y(e.value)}, "measured",
               cat(key, "=", tick_text(point.x), ": ", with_interval(e)));
  }
  return svg.str();
}

Figure axis_figure(const Axis& axis, const AxisPlot& plot) {
  Figure figure{
      .id = cat(plot.metric, "-along-", axis.key), .title = cat(plot.metric, " against ", axis.key), .caption = ""};
  const AxisScales scales = {x_scale(axis.numbers),
                             {Scale::Kind::kLinear, extent(axis.series, plot), kPanelPlot.bottom(), kPanelPlot.y}};
  for (const AxisSeries& series : axis.series)
    figure.panels.push_back({series.name, "", axis_panel(series, plot, scales, axis.key)});
  return figure;
}

}  // namespace

std::vector<Figure> axis_figures(const StudyResult& result) {
  std::vector<Figure> figures;
  for (const Axis& axis : number_axes(result)) {
    Figure speed = axis_figure(axis, {"speedup", "speedup_model", true});
    speed.caption =
        "Each against the baseline of its own cell, with the 95 % interval; below the dashed line speculation does "
        "not pay.  The model is what the costs of the fenced pass predict.";
    speed.legend = {{LegendEntry::Kind::kSquare, "measured", "measured"},
                    {LegendEntry::Kind::kDiamond, "modelled", "modelled"}};
    Figure tau = axis_figure(axis, {"tau", "", false});
    tau.caption = "Tokens of a round of the target, the extra token counted, with the 95 % interval.";
    figures.push_back(std::move(speed));
    figures.push_back(std::move(tau));
  }
  return figures;
}

}  // namespace specula
