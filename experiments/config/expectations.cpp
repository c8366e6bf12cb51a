#include "experiments/config/expectations.h"

#include <algorithm>
#include <cmath>

#include "experiments/config/config_reader.h"
#include "experiments/report/metrics.h"

namespace specula {
namespace {

const std::string kPlace = "[[expect]]";

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void check_names(const ExpectKeys& keys, const Value& table, const std::vector<std::string>& arms, Problems& problems) {
  const auto origin = [&](const char* key) { return table.find(key)->origin; };
  if (!keys.arm.empty() && !contains(arms, keys.arm))
    problems.add(cat(origin("arm"), ": ", kPlace, " arm = ", quoted(keys.arm), ": there is no such arm",
                     suggestion(keys.arm, arms)));
  if (keys.metric.empty() || find_metric(keys.metric) != nullptr) return;
  std::vector<std::string> metrics;
  for (const MetricDefinition& metric : metric_definitions()) metrics.push_back(metric.name);
  problems.add(cat(origin("metric"), ": ", kPlace, " metric = ", quoted(keys.metric), ": there is no such metric",
                   suggestion(keys.metric, metrics)));
}

// The bounds; a problem where the keys give none or two.
void set_bounds(const ExpectKeys& keys, const Value& table, Expectation& expected, Problems& problems) {
  const bool has_value = !std::isnan(keys.value), has_bound = !std::isnan(keys.min) || !std::isnan(keys.max),
             has_tolerance = !std::isnan(keys.tol_frac) || !std::isnan(keys.tol_abs);
  if (has_value == has_bound || has_value != has_tolerance) {
    problems.add(
        cat(table.origin, ": ", kPlace, " expects either value with tol_frac or tol_abs, or min, max or both"));
    return;
  }
  if (has_bound) {
    if (!std::isnan(keys.min)) expected.low = keys.min;
    if (!std::isnan(keys.max)) expected.high = keys.max;
    if (expected.low > expected.high)
      problems.add(cat(table.find("min")->origin, ": ", kPlace, " min = ", keys.min, " is above max = ", keys.max));
    return;
  }
  const double frac = std::isnan(keys.tol_frac) ? 0 : keys.tol_frac * std::abs(keys.value);
  const double tolerance = std::max(frac, std::isnan(keys.tol_abs) ? 0 : keys.tol_abs);
  expected.low = keys.value - tolerance;
  expected.high = keys.value + tolerance;
}

void drop_absent(Value& values) {
  std::erase_if(values.table(), [](const Entry& entry) {
    const auto* number = std::get_if<double>(&entry.value.data);
    return number != nullptr && std::isnan(*number);
  });
}

}  // namespace

std::vector<Option> expect_options() {
  std::vector<Option> options = list_options<ExpectKeys>();
  for (Option& option : options) {
    if (option.default_text == to_text({.data = ExpectKeys::kNone, .origin = {}})) option.default_text = "none";
  }
  return options;
}

std::vector<Expectation> read_expectations(const Value& list, const std::vector<std::string>& all,
                                           const std::vector<std::string>& kept, Value& resolved, Problems& problems) {
  std::vector<Expectation> expectations;
  resolved = {.data = Value::Array{}, .origin = list.origin};
  const bool is_list = list.is_array() && std::all_of(list.array().begin(), list.array().end(),
                                                      [](const Value& element) { return element.is_table(); });
  if (!is_list) {
    problems.add(cat(list.origin, ": expect is ", kind_name(list), "; expected tables [[expect]]"));
    return expectations;
  }
  for (const Value& table : list.array()) {
    ExpectKeys keys;
    Value values = read_section(table, kPlace, keys, problems);
    require_text(table, kPlace, "arm", problems);
    require_text(table, kPlace, "metric", problems);
    check_names(keys, table, all, problems);
    Expectation expected{.arm = keys.arm, .metric = keys.metric, .kind = keys.kind};
    set_bounds(keys, table, expected, problems);
    if (!contains(kept, keys.arm)) continue;
    drop_absent(values);
    resolved.array().push_back(std::move(values));
    expectations.push_back(std::move(expected));
  }
  return expectations;
}

}  // namespace specula
