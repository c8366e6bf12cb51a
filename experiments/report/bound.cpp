#include "experiments/report/bound.h"

#include <charconv>
#include <cmath>

#include "framework/core/error.h"

namespace specula {
namespace {

bool is_baseline(const CompareRow& row, const std::vector<ComparedRun>& runs) {
  for (const ComparedRun& run : runs) {
    if (run.label == row.run) return run.info.baseline().name == row.arm;
  }
  return false;
}

bool is_beyond(const Estimate& e, const Bound& bound) {
  const bool has_interval = std::isfinite(e.interval.low);
  const double nearest = !has_interval ? e.value : bound.below ? e.interval.high : e.interval.low;
  return bound.below ? nearest < bound.limit : nearest > bound.limit;  // false for NaN
}

}  // namespace

Bound parse_bound(const std::string& text) {
  const size_t at = text.find_first_of("<>");
  double limit = 0;
  const char* const end = text.data() + text.size();
  if (at != std::string::npos && at > 0) {
    const auto [stop, error] = std::from_chars(text.data() + at + 1, end, limit);
    if (error == std::errc() && stop == end)
      return {.metric = text.substr(0, at), .below = text[at] == '<', .limit = limit};
  }
  throw ConfigError(cat("--fail-if ", text, ": expected METRIC<NUMBER or METRIC>NUMBER, as in 'speedup<0.98'"));
}

std::vector<std::string> beyond(const Bound& bound, const std::vector<ComparedRun>& runs) {
  std::vector<std::string> lines;
  for (const CompareRow& row : compare_runs(runs, bound.metric)) {
    if (is_baseline(row, runs) || !is_beyond(row.value, bound)) continue;
    lines.push_back(cat(row.run, ", arm ", row.arm, ": ", bound.metric, " ", interval_text(row.value),
                        bound.below ? " < " : " > ", bound.limit));
  }
  return lines;
}

}  // namespace specula
