#include "experiments/study/axis_series.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "experiments/pages/axes.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kLeastNumbers = 3;

std::optional<double> number_at(const StudyCellResult& cell, const std::string& path) {
  for (const Assignment& set : cell.set) {
    if (set.path != path) continue;
    if (const auto* i = std::get_if<int64_t>(&set.value.data)) return static_cast<double>(*i);
    if (const auto* d = std::get_if<double>(&set.value.data)) return *d;
  }
  return std::nullopt;
}

std::string others_of(const StudyCellResult& cell, const std::string& path, const std::vector<std::string>& paths) {
  std::vector<std::string> parts;
  for (const Assignment& set : cell.set) {
    if (set.path != path) parts.push_back(cat(short_name(set.path, paths), "=", short_text(set.value)));
  }
  return join(parts, " ");
}

std::vector<AxisSeries> series_along(const StudyResult& result, const std::string& path) {
  std::vector<AxisSeries> all;
  for (const StudyCellResult& cell : result.cells) {
    const std::optional<double> x = number_at(cell, path);
    if (!x || cell.times.empty()) continue;
    const std::string others = others_of(cell, path, result.paths);
    for (const auto& [arm, times] : cell.times) {
      const std::string name = others.empty() ? arm : cat(arm, " ", others);
      auto found = std::find_if(all.begin(), all.end(), [&](const AxisSeries& s) { return s.name == name; });
      if (found == all.end()) found = all.insert(all.end(), {name, {}});
      found->points.push_back({*x, &cell.summary.cell(arm, "")});
    }
  }
  for (AxisSeries& series : all) {
    std::sort(series.points.begin(), series.points.end(),
              [](const AxisPoint& a, const AxisPoint& b) { return a.x < b.x; });
  }
  return all;
}

const Estimate& speedup_of(const AxisPoint& point) { return point.cell->at("speedup"); }
bool pays(const AxisPoint& point) { return speedup_of(point).interval.low > 1; }
bool costs(const AxisPoint& point) { return speedup_of(point).interval.high < 1; }

// Where the line through the measured values first crosses 1 from above; NaN: nowhere.
double crossing(const std::vector<AxisPoint>& points) {
  for (size_t i = 1; i < points.size(); ++i) {
    const double before = speedup_of(points[i - 1]).value, here = speedup_of(points[i]).value;
    if (before > 1 && here <= 1)
      return points[i - 1].x + (points[i].x - points[i - 1].x) * (before - 1) / (before - here);
  }
  return kNotMeasured;
}

}  // namespace

std::vector<Axis> number_axes(const StudyResult& result) {
  std::vector<Axis> axes;
  for (const std::string& path : result.paths) {
    std::set<double> numbers;
    for (const StudyCellResult& cell : result.cells) {
      const std::optional<double> x = number_at(cell, path);
      if (x && !cell.times.empty()) numbers.insert(*x);
    }
    if (numbers.size() < kLeastNumbers) continue;
    axes.push_back({short_name(path, result.paths), {numbers.begin(), numbers.end()}, series_along(result, path)});
  }
  return axes;
}

std::string crossover_text(const Axis& axis, const AxisSeries& series) {
  const std::vector<AxisPoint>& points = series.points;
  if (points.size() < 2) return "";
  const auto at = [&](const AxisPoint& point) {
    return cat(axis.key, "=", tick_text(point.x), ", ", with_interval(speedup_of(point)));
  };
  const auto last_paying = std::find_if(points.rbegin(), points.rend(), pays);
  const auto first_costing = std::find_if(last_paying.base(), points.end(), costs);
  std::vector<std::string> parts;
  if (std::all_of(points.begin(), points.end(), pays)) {
    parts.push_back("pays at all of them, least at " +
                    at(*std::min_element(points.begin(), points.end(), [](const AxisPoint& a, const AxisPoint& b) {
                      return speedup_of(a).value < speedup_of(b).value;
                    })));
  } else {
    parts.push_back(last_paying == points.rend() ? "pays at none of them" : "pays up to " + at(*last_paying));
    if (const double x = crossing(points); std::isfinite(x)) parts.push_back("crosses 1 near " + three_digits(x));
    if (first_costing != points.end()) parts.push_back("costs from " + at(*first_costing) + " on");
  }
  return cat(series.name, ": ", join(parts, "; "));
}

}  // namespace specula
