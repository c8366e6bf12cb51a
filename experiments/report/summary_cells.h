// Inside the summary: the records of one arm in one cell, and the functions that fill a CellSummary from them.
// Licence: Apache-2.0.
#pragma once

#include <vector>

#include "experiments/report/summary.h"

namespace specula {

// Successful records of the unfenced pass.  All three vectors are parallel.
struct Slice {
  std::vector<const Record*> records;
  std::vector<const Record*> reference;  // that it is paired with: same key, same segment; null where there is none
  std::vector<uint32_t> groups;          // index of the group that is resampled
};

void add_rates(const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell);
void add_percentiles(const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell);
void add_acceptance_counts(const Slice& slice, CellSummary& cell);
void add_speedups(const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell);

// Arm against baseline over the slice; p_adjusted is left to adjust_comparisons.
Comparison compare_with_reference(const ArmInfo& arm, const std::string& reference, const Slice& slice,
                                  const Estimate& speedup);
void adjust_comparisons(std::vector<Comparison>& comparisons);
// An arm against the one that it repeats.  A warning where they are told apart, or where their texts differ.
void add_duplicate(const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap, Summary& summary);

// Fenced shares, and from them cost_c, cost_v, cost_o, speedup_model and trace_overhead_frac in the cells over all
// categories.
void add_traces(const RunInfo& run, const std::vector<Record>& records, Summary& summary);

// score.ID of every scorer that judged some of the records; of arms beside the baseline score_delta.ID and the pairs.
void add_scores(const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell);
// Where nll.jsonl tells of the texts: ppl, and of arms beside the baseline nll_delta; after add_rates.
void add_likelihoods(const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell);

// usd_per_mtok, flop_per_tok, wasted_flop_frac, mbu_frac, mfu_frac.
void add_cost_metrics(const RunInfo& run, const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap,
                      CellSummary& cell);
// j_per_tok, j_per_tok_net.
void add_energy(const RunInfo& run, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell);
// alpha_break_even, draft_memory_frac in the cells over all categories; after add_traces.
void add_break_even(const RunInfo& run, const std::vector<Record>& records, Summary& summary);
// Last: a miss is also a warning.
void check_expectations(const RunInfo& run, Summary& summary);

void add_checks(const RunInfo& run, const RecordSet& set, Summary& summary);

}  // namespace specula
