// An arm beside its baseline: which records are pairs, and the ratio of their speeds.  Licence: Apache-2.0.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "experiments/report/summary.h"

namespace specula {

// The baseline's successful records of the unfenced pass.
class BaselineRecords {
 public:
  BaselineRecords(const RunInfo& run, const std::vector<Record>& records);  // `records` outlive it
  // Of the same prompt, repetition, turn and segment; null: there is none.
  const Record* of(const Record& record) const;

 private:
  std::string baseline_;
  std::map<RecordKey, const Record*> records_;
};

// Of tokens, time, tokens of the baseline, its time.
inline double speed_ratio(std::span<const double> t) { return (t[0] / t[1]) / (t[2] / t[3]); }

// The statistic of the totals of `columns` [K][G], with its interval.
Estimate ratio_estimate(const std::vector<std::vector<double>>& columns, const Bootstrap::Statistic& statistic,
                        int64_t pairs, const Bootstrap& bootstrap);

}  // namespace specula
