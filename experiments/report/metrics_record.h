// Metrics that one record decides, each as a fraction, so that totals over any set of records are sums over sums and
// never means of ratios.  Shared by summaries and `specula compare --metric`.  Licence: Apache-2.0.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/run/records.h"

namespace specula {

struct Fraction {
  double numerator = 0, denominator = 0;
};

struct RecordMetric {
  std::string name;
  // No value: the record says nothing about it (a tree has no alpha).
  std::optional<Fraction> (*of)(const Record& record);
};

const std::vector<RecordMetric>& record_metrics();
const RecordMetric* find_record_metric(const std::string& name);  // null: none

}  // namespace specula
