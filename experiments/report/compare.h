// Runs and arms side by side: one metric, each arm against the first run's baseline on the prompts they share, or
// against the arm that it names as its reference (rules replayed on several traces: the one on the same rounds). Within
// the reference's run records are paired (same prompt, repetition, turn, segment); another run is paired by prompt and
// turn only, and says so: its machine may have been in another mood.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/summary.h"

namespace specula {

struct ComparedRun {
  std::string label;  // as given, without a slash at its end
  RunInfo info;
  RecordSet records;
};

struct CompareRow {
  std::string run, arm, reference_arm;
  int64_t num_prompts = 0;  // shared with the reference
  Estimate value;           // of the metric on those; "speedup": against the baseline of the row's own run
  Estimate ratio;           // to the reference; "speedup": of e2e_tok_s
  std::string pairing;      // reference, paired, unpaired in time
  std::string verdict;      // higher, lower (speeds: faster, slower), ~
};

// Throws ConfigError for a metric that single records do not decide, with a suggestion.
std::vector<CompareRow> compare_runs(const std::vector<ComparedRun>& runs, const std::string& metric);

std::string interval_text(const Estimate& estimate);  // "1.97 [1.94, 2.00]", three digits

}  // namespace specula
