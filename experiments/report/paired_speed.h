// An arm beside another, its baseline as a rule: which records are pairs, and the ratio of their speeds.  Licence:
// Apache-2.0.
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "experiments/report/summary.h"

namespace specula {

// An arm's successful records of the unfenced pass.
class PairedRecords {
 public:
  PairedRecords(const std::string& arm, const std::vector<Record>& records);  // `records` outlive it
  // Of the same prompt, repetition, turn and segment; null: there is none.
  const Record* of(const Record& record) const;

 private:
  std::string arm_;
  std::unordered_map<RecordKey, const Record*, RecordKeyHash> records_;
};

// Of tokens, time, tokens of the baseline, its time.
inline double speed_ratio(std::span<const double> t) { return (t[0] / t[1]) / (t[2] / t[3]); }

// The statistic of the totals of `columns` [K][G], with its interval.
Estimate ratio_estimate(const std::vector<std::vector<double>>& columns, const Bootstrap::Statistic& statistic,
                        int64_t pairs, const Bootstrap& bootstrap);

}  // namespace specula
