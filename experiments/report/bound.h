// A regression bound on a figure: `specula compare --fail-if 'speedup<0.98'`.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/compare.h"

namespace specula {

struct Bound {
  std::string metric;
  bool below = true;  // '<': what lies below is a failure; '>': what lies above
  double limit = 0;
};
Bound parse_bound(const std::string& text);  // throws ConfigError

// Arms whose figure is beyond the bound for certain: with its whole interval (the value itself where there is none).
// Baselines are not judged, and what has no value is not beyond it.  Each as a line: "runs/a, arm sps: speedup 0.91
// [0.90, 0.93] < 0.98".
std::vector<std::string> beyond(const Bound& bound, const std::vector<ComparedRun>& runs);

}  // namespace specula
