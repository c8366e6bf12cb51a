// What a study measured along a swept number: one series for each choice of the other keys.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/study/study_results.h"

namespace specula {

struct AxisPoint {
  double x = 0;
  const CellSummary* cell = nullptr;  // of all categories
};

struct AxisSeries {
  std::string name;               // "sps length=2"
  std::vector<AxisPoint> points;  // by ascending x
};

struct Axis {
  std::string key;              // as users see it: "batch"
  std::vector<double> numbers;  // that it took, ascending
  std::vector<AxisSeries> series;
};

// One for each swept key that took three or more different numbers.  Points into `result`.
std::vector<Axis> number_axes(const StudyResult& result);

// Where along the axis drafting stops to pay: "sps: pays up to batch=2, 1.10 [1.05, 1.15]; crosses 1 near 3.1; costs
// from batch=8 on, 0.91 [0.88, 0.94]".  An interval that holds 1 says neither.  "" for fewer than two points.
std::string crossover_text(const Axis& axis, const AxisSeries& series);

}  // namespace specula
