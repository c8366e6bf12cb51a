// Expectations against the figures of a summary.
#include <cmath>

#include "experiments/report/metrics.h"
#include "experiments/report/summary_cells.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

std::string range_text(const Expectation& e) {
  if (!std::isfinite(e.low)) return cat("at most ", e.high);
  return std::isfinite(e.high) ? cat(e.low, "..", e.high) : cat("at least ", e.low);
}

}  // namespace

std::string ExpectationResult::text() const {
  const std::string found = std::isfinite(value) ? cat("is ", value) : cat("has no value (", why, ")");
  return cat(expected.arm, ": ", expected.metric, " ", found, ", expected ", range_text(expected), " (", expected.kind,
             ")");
}

void check_expectations(const RunInfo& run, Summary& summary) {
  for (const Expectation& expected : run.expectations) {
    const Estimate& e = summary.cell(expected.arm, "").at(expected.metric);
    ExpectationResult result{.expected = expected, .value = e.value, .why = e.why};
    result.met = e.value >= expected.low && e.value <= expected.high;  // false for NaN
    if (!result.met) summary.warnings.push_back("expectation missed: " + result.text());
    summary.expectations.push_back(std::move(result));
  }
}

bool misses_portable(const Summary& summary) {
  for (const ExpectationResult& result : summary.expectations) {
    if (!result.met && result.expected.kind == "portable") return true;
  }
  return false;
}

}  // namespace specula
