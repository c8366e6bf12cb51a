// What the numbers of a run mean.  One list feeds `specula explain`, the units in summary.json and the checks of names
// that users give.  Definitions are accept/1 and time/1: a changed meaning gets a new version, never the old name in
// silence. Per round i of a sequence: d drafted tokens, a accepted ones (before anything was cut), k kept (a + 1, less
// what a stop token or the limit cut), S rounds.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

struct MetricDefinition {
  std::string name, unit, definition;
  std::string portable;     // "yes", "depends on the draft length", "hardware"
  std::string also_called;  // names of the same or a confusable thing elsewhere; "" if none
};

const std::vector<MetricDefinition>& metric_definitions();
const MetricDefinition* find_metric(const std::string& name);  // null: no such metric

}  // namespace specula
