#include "experiments/report/paired_speed.h"

namespace specula {

PairedRecords::PairedRecords(const std::string& arm, const std::vector<Record>& records) : arm_(arm) {
  for (const Record& r : records) {
    if (r.ok && !r.key.trace && r.key.arm == arm_) records_[r.key] = &r;
  }
}

const Record* PairedRecords::of(const Record& record) const {
  RecordKey key = record.key;
  key.arm = arm_;
  const auto found = records_.find(key);
  return found != records_.end() && found->second->segment == record.segment ? found->second : nullptr;
}

Estimate ratio_estimate(const std::vector<std::vector<double>>& columns, const Bootstrap::Statistic& statistic,
                        int64_t pairs, const Bootstrap& bootstrap) {
  Estimate e{.n = pairs};
  if (pairs == 0) {
    e.why = "no_pairs";
    return e;
  }
  std::vector<double> totals;
  for (const auto& column : columns) {
    double sum = 0;
    for (const double v : column) sum += v;
    totals.push_back(sum);
  }
  e.value = statistic(totals);
  e.interval = bootstrap.interval(columns, statistic);
  e.method = "paired percentile bootstrap over groups";
  return e;
}

}  // namespace specula
