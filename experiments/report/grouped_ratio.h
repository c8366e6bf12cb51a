// A ratio of sums whose parts belong to groups of prompts, as a drawing needs it: mean and standard error.  Licence:
// Apache-2.0.
#pragma once

#include <cmath>
#include <map>
#include <string>

#include "experiments/report/statistics.h"

namespace specula {

struct GroupedRatio {
  double numerator = 0, denominator = 0;
  std::map<std::string, std::pair<double, double>> by_group;  // numerator, denominator

  void add(const std::string& group, double above, double below) {
    numerator += above;
    denominator += below;
    auto& [n, d] = by_group[group];
    n += above;
    d += below;
  }
  double mean() const { return numerator / denominator; }
  // Cochran 1977, eq. 6.13; NaN for a single group.
  double error() const {
    if (by_group.size() < 2) return kNotMeasured;
    double squares = 0;
    for (const auto& [name, sums] : by_group) squares += std::pow(sums.first - mean() * sums.second, 2);
    const auto n = static_cast<double>(by_group.size());
    return std::sqrt(squares * n / (n - 1)) / denominator;
  }
};

}  // namespace specula
