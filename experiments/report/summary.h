// What the records of a run say: per arm, over everything and per category, each metric with its interval and the raw
// counts behind it; comparisons with the baseline arm; self-checks.  A pure function of the manifest and the records,
// so it can always be rebuilt.  Licence: Apache-2.0.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "experiments/report/statistics.h"
#include "experiments/run/manifest.h"
#include "experiments/run/records.h"

namespace specula {

struct Estimate {
  double value = kNotMeasured;
  Interval interval{};
  int64_t n = 0;       // what was averaged: records, rounds or pairs
  std::string method;  // how the interval was formed; "" : there is none
  std::string why;     // of a value or an interval that is missing
};

struct NamedEstimate {
  std::string name;
  Estimate estimate;
};

// Rounds by depth j = index + 1; both counts, so that marginal and conditional rates can be formed over any union of
// cells.
struct DepthCounts {
  int64_t drafted = 0;   // rounds with a draft of at least this depth
  int64_t tested = 0;    // of those, rounds that accepted all shallower depths
  int64_t accepted = 0;  // rounds that accepted at least this depth
};

struct Counts {
  int64_t records = 0, failed = 0, rounds = 0, cut_rounds = 0;
  int64_t drafted = 0, accepted = 0, kept = 0, tokens = 0;
  double e2e_s = 0, decode_s = 0, prefill_s = 0;
};

struct NoteMean {  // of what the arm's rule noted of its rounds
  std::string name;
  double mean = 0;     // over the rounds that have it; NaN if none has
  int64_t rounds = 0;  // that have it
};

// Of the pairs of an arm's record and the baseline's that one scorer judged: which were right.
struct ScorePairs {
  std::string scorer;
  int64_t both = 0, only_arm = 0, only_reference = 0, neither = 0;
};

struct CellSummary {
  std::string arm, category;  // category "": all of them
  int64_t num_prompts = 0;
  Counts counts;
  std::vector<NamedEstimate> metrics;
  std::vector<DepthCounts> depths;
  std::vector<int64_t> accepted_histogram;  // rounds with n accepted tokens
  std::vector<NoteMean> notes;
  std::vector<ScorePairs> score_pairs{};

  const Estimate& at(const std::string& metric) const;  // an estimate without value if there is no such metric
};

struct TraceSummary {  // the fenced pass of an arm
  std::string arm;
  int64_t records = 0, rounds = 0, drafted = 0;
  double e2e_s = 0, prefill_s = 0;
  std::array<double, kNumPhases> phase_s{};
  double other_s() const;  // of the wall, in no phase
};

struct Comparison {
  std::string arm, reference, metric;
  Estimate ratio;
  double p = kNotMeasured, p_adjusted = kNotMeasured;  // Wilcoxon over groups; Holm across arms
  double effect = kNotMeasured;                        // matched-pairs rank-biserial correlation
  double detectable_frac = kNotMeasured;               // smallest relative difference seen with 80 % power at 5 %
  std::string verdict;                                 // faster, slower, ~
};

struct Check {
  std::string name, arm, detail;
  bool passed = true;
};

struct ExpectationResult {
  Expectation expected;
  double value = kNotMeasured;
  bool met = false;
  std::string why;           // of a value that is missing
  std::string text() const;  // "sps: tau is 2.1, expected 2.9..3.3 (portable)"
};

struct Summary {
  std::vector<CellSummary> cells;  // arms in the order of the manifest; all categories first
  std::vector<TraceSummary> traces;
  std::vector<Comparison> comparisons;  // of the arms that repeat no other
  std::vector<Comparison> duplicates;   // of those that do, each with the arm that it repeats; p is not adjusted
  std::vector<Check> checks;
  std::vector<ExpectationResult> expectations;  // in the order of the configuration
  std::vector<std::string> warnings, excluded;
  std::vector<std::string> categories;

  const CellSummary& cell(const std::string& arm, const std::string& category) const;  // throws std::logic_error
  CellSummary& cell(const std::string& arm, const std::string& category);
  const Comparison* comparison(const std::string& arm) const;  // null for the baseline
};

bool misses_portable(const Summary& summary);  // an expectation whose miss is no matter of the machine

Summary summarize(const RunInfo& run, const RecordSet& records);

std::string summary_json(const RunInfo& run, const Summary& summary);
std::string summary_csv(const Summary& summary);  // arm, category, metric, value, ci_low, ci_high, n, unit, method

// Writes summary.json, summary.csv and speculation_profile.json.
void write_summary(const std::filesystem::path& run_folder, const RunInfo& run, const Summary& summary);
// The same of what a run folder holds.
Summary rebuild_summary(const std::filesystem::path& run_folder);

}  // namespace specula
