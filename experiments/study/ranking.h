// Which choice is the best one: under each condition of a study (temperature, prompts, models) the arms and the values
// of their own keys (draft length, rule) are ranked by speed-up, and every other is compared with the best.
// Licence: Apache-2.0.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "experiments/report/summary.h"

namespace specula {

// End to end, paired within a segment: tokens and microseconds of an arm, the same of its baseline.
using GroupTimes = std::map<std::string, std::array<double, 4>>;  // by group of prompts

struct Choice {
  std::string name;  // "sps-g4 length=3"
  GroupTimes times;  // of every cell that measured it
};

struct Ranked {
  std::string name;
  Estimate speedup;                  // against its own baseline
  Estimate ratio;                    // of its speed-up to the best one's; of the best itself: no value
  double p_adjusted = kNotMeasured;  // Wilcoxon over groups, times the number of pairs
  std::string verdict;               // best, ~ (not told from the best), slower
};

// Choices by speed-up, the best first.  Two are compared on the groups that both have: the ratio of their speed-ups,
// each against the baseline of its own cell, so that a machine in another mood cancels.  The best is chosen by the same
// data, so p is corrected (Bonferroni) for all pairs of choices and not only for those with the best.  Choices without
// times are left out.
std::vector<Ranked> rank(std::vector<Choice> choices, int draws, uint64_t seed);

// "" where the speed-up's interval lies above 1, else " (not told from the baseline)" or " (slower than the baseline)".
std::string against_baseline(const Estimate& speedup);

// What the records of a run say of one arm.
GroupTimes group_times(const RunInfo& run, const RecordSet& records, const std::string& arm);
void add_times(GroupTimes& into, const GroupTimes& more);

}  // namespace specula
