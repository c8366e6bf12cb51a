// A forest: a row for each name, its value with the interval as a bar, and the line at 1.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/pages/axes.h"
#include "experiments/report/summary.h"

namespace specula {

struct ForestRow {
  std::string name;
  Estimate measured;
  double modelled = kNotMeasured;
};

struct ForestShape {
  double width, widest_name;  // pixels
};

// What the rows reach, and 1.
Range forest_range(const std::vector<ForestRow>& rows);

// `axis`: what the values are; `label`: what a screen reader says.
std::string forest_svg(const std::vector<ForestRow>& rows, const Range& range, const ForestShape& shape,
                       const std::string& axis, const std::string& label);

}  // namespace specula
