#include <algorithm>
#include <cmath>

#include "experiments/report/paired_speed.h"
#include "experiments/report/summary_cells.h"
#include "experiments/report/table.h"
#include "framework/core/vector_sort.h"

namespace specula {
namespace {

constexpr double kPowerFactor =
    2.802;  // z(0.975) + z(0.8): smallest difference seen with 80 % power, in standard errors
constexpr double kIntervalWidth = 2 * 1.959964;

struct Percentile {
  const char* name;
  double q;
};

void add_quantiles(const std::vector<GroupedValue>& values, const std::vector<Percentile>& percentiles,
                   const Bootstrap& bootstrap, CellSummary& cell) {
  std::vector<double> ascending;
  ascending.reserve(values.size());
  for (const GroupedValue& v : values) ascending.push_back(v.value);
  sort_ascending(ascending);
  for (const Percentile& p : percentiles) {
    Estimate e{.value = quantile(ascending, p.q),
               .interval = bootstrap.quantile_interval(values, ascending, p.q),
               .n = static_cast<int64_t>(values.size())};
    if (values.empty()) {
      e.why = "no_values";
    } else {
      e.method = "Woodruff, from a percentile bootstrap over groups";
    }
    cell.metrics.push_back({p.name, std::move(e)});
  }
}

// Times of the arm and of the baseline, summed per group: tokens, seconds, tokens of the baseline, its seconds.
struct PairedTimes {
  std::vector<std::vector<double>> end_to_end, decode;  // [4][G]
  std::vector<std::vector<double>> log_ratio;           // [2][G]: sum of log ratios, pairs
  int64_t pairs = 0;
};

PairedTimes paired_times(const Slice& slice, size_t groups) {
  PairedTimes times;
  times.end_to_end = times.decode = std::vector<std::vector<double>>(4, std::vector<double>(groups));
  times.log_ratio = std::vector<std::vector<double>>(2, std::vector<double>(groups));
  for (size_t i = 0; i < slice.records.size(); ++i) {
    const Record& arm = *slice.records[i];
    const Record* base = slice.reference[i];
    if (base == nullptr || arm.out.empty() || base->out.empty()) continue;
    const uint32_t g = slice.groups[i];
    const double n = static_cast<double>(arm.n_out()), n_base = static_cast<double>(base->n_out());
    const double end_to_end[] = {n, arm.e2e_us, n_base, base->e2e_us},
                 decode[] = {n, arm.decode_us(), n_base, base->decode_us()};
    for (int k = 0; k < 4; ++k) {
      times.end_to_end[k][g] += end_to_end[k];
      times.decode[k][g] += decode[k];
    }
    times.log_ratio[0][g] += std::log(speed_ratio(end_to_end));
    times.log_ratio[1][g] += 1;
    ++times.pairs;
  }
  return times;
}

std::string verdict_of(const Comparison& c) {
  const bool significant = c.p_adjusted < 0.05;  // false for NaN
  return significant && c.ratio.interval.low > 1 ? "faster" : significant && c.ratio.interval.high < 1 ? "slower" : "~";
}

}  // namespace

void add_percentiles(const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell) {
  std::vector<GroupedValue> first, steps, gaps;
  for (size_t i = 0; i < slice.records.size(); ++i) {
    const Rounds& rounds = slice.records[i]->rounds;
    const uint32_t g = slice.groups[i];
    const double* readable = nullptr;                      // when the last token could be read
    for (size_t k = 0; k < rounds.ready_us.size(); ++k) {  // a replay has no times
      if (k > 0) steps.push_back({(rounds.ready_us[k] - rounds.ready_us[k - 1]) * 1e-3, g});
      if (rounds.kept[k] == 0) continue;
      if (readable == nullptr) {
        first.push_back({rounds.ready_us[k] * 1e-3, g});
      } else {
        gaps.push_back({(rounds.ready_us[k] - *readable) * 1e-3, g});
      }
      for (int more = 1; more < rounds.kept[k]; ++more) gaps.push_back({0, g});
      readable = &rounds.ready_us[k];
    }
  }
  add_quantiles(first, {{"ttft_p50_ms", 0.5}}, bootstrap, cell);
  add_quantiles(steps, {{"step_p50_ms", 0.5}, {"step_p90_ms", 0.9}, {"step_p99_ms", 0.99}}, bootstrap, cell);
  add_quantiles(gaps, {{"itl_p50_ms", 0.5}, {"itl_p99_ms", 0.99}}, bootstrap, cell);
}

void add_speedups(const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell) {
  const PairedTimes times = paired_times(slice, bootstrap.groups());
  const auto add = [&](const char* name, const auto& columns, const Bootstrap::Statistic& statistic) {
    cell.metrics.push_back({name, ratio_estimate(columns, statistic, times.pairs, bootstrap)});
  };
  add("speedup", times.end_to_end, speed_ratio);
  add("speedup_decode", times.decode, speed_ratio);
  add("speedup_geomean", times.log_ratio, [](std::span<const double> t) { return std::exp(t[0] / t[1]); });
}

Comparison compare_with_reference(const ArmInfo& arm, const std::string& reference, const Slice& slice,
                                  const Estimate& speedup) {
  size_t groups = 0;
  for (const uint32_t g : slice.groups) groups = std::max<size_t>(groups, g + 1);
  const PairedTimes times = paired_times(slice, groups);
  std::vector<double> differences;
  for (size_t g = 0; g < groups; ++g) {
    const double t[] = {times.end_to_end[0][g], times.end_to_end[1][g], times.end_to_end[2][g], times.end_to_end[3][g]};
    if (t[1] > 0) differences.push_back(std::log(speed_ratio(t)));
  }
  const SignedRank test = wilcoxon_signed_rank(differences);
  Comparison c{.arm = arm.name, .reference = reference, .metric = "speedup", .ratio = speedup};
  if (!differences.empty()) {
    c.p = test.p;
    c.effect = test.rank_biserial;
    c.detectable_frac = (speedup.interval.high - speedup.interval.low) / speedup.value / kIntervalWidth * kPowerFactor;
  }
  return c;
}

void add_duplicate(const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap, Summary& summary) {
  const PairedTimes times = paired_times(slice, bootstrap.groups());
  const Estimate ratio = ratio_estimate(times.end_to_end, speed_ratio, times.pairs, bootstrap);
  Comparison c = compare_with_reference(arm, arm.duplicate_of, slice, ratio);
  c.p_adjusted = c.p;  // a control belongs to no family of hypotheses
  c.verdict = verdict_of(c);
  if (c.verdict != "~")
    summary.warnings.push_back(cat(arm.name, " repeats ", arm.duplicate_of, " and is measured ", c.verdict, ": ",
                                   with_interval(ratio), ", p ", p_text(c.p),
                                   "; this happens by chance in at most one of 20 runs, else the timing is biased"));
  int64_t different = 0;
  for (size_t i = 0; i < slice.records.size(); ++i) {
    if (slice.reference[i] != nullptr && slice.records[i]->out != slice.reference[i]->out) ++different;
  }
  if (different > 0)
    summary.warnings.push_back(cat(arm.name, " repeats ", arm.duplicate_of, ", and ", different, " of ",
                                   slice.records.size(), " texts differ: decoding depends on what ran before"));
  summary.duplicates.push_back(std::move(c));
}

void adjust_comparisons(std::vector<Comparison>& comparisons) {
  std::vector<double> p;
  for (const Comparison& c : comparisons) {
    if (std::isfinite(c.p)) p.push_back(c.p);
  }
  const std::vector<double> adjusted = holm(p);
  size_t next = 0;
  for (Comparison& c : comparisons) {
    if (std::isfinite(c.p)) c.p_adjusted = adjusted[next++];
    c.verdict = verdict_of(c);
  }
}

}  // namespace specula
