// What scorers found in the texts of an arm, and beside it what they found in the baseline's.
#include <algorithm>
#include <cmath>

#include "experiments/report/paired_speed.h"
#include "experiments/report/summary_cells.h"
#include "experiments/scores/scorer.h"

namespace specula {
namespace {

const RecordScore* score_of(const Record* record, const std::string& scorer) {
  return record != nullptr && record->score && record->score->scorer == scorer ? &*record->score : nullptr;
}

using Columns = std::vector<std::vector<double>>;  // [2][groups], sums and counts, unless it is said otherwise

void put(const std::string& name, const Columns& columns, Estimate e, const Bootstrap& bootstrap, CellSummary& cell) {
  double sum = 0;
  for (const double v : columns[0]) sum += v;
  if (e.n > 0) {
    e.why = "";
    e.value = sum / static_cast<double>(e.n);
    e.interval = bootstrap.interval(columns, [](std::span<const double> t) { return t[0] / t[1]; });
    e.method = "percentile bootstrap over groups";
  }
  cell.metrics.push_back({name, std::move(e)});
}

void add_score(const std::string& scorer, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell) {
  Columns columns(2, std::vector<double>(bootstrap.groups()));
  Estimate e{.why = "no_records"};
  for (size_t i = 0; i < slice.records.size(); ++i) {
    const RecordScore* const score = score_of(slice.records[i], scorer);
    if (score == nullptr) continue;
    e.why = score->why;
    if (!std::isfinite(score->value)) continue;
    columns[0][slice.groups[i]] += score->value;
    columns[1][slice.groups[i]] += 1;
    ++e.n;
  }
  put("score." + scorer, columns, std::move(e), bootstrap, cell);
}

void add_delta(const std::string& scorer, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell) {
  Columns columns(2, std::vector<double>(bootstrap.groups()));
  Estimate e{.why = "no_pairs"};
  ScorePairs pairs{.scorer = scorer};
  for (size_t i = 0; i < slice.records.size(); ++i) {
    const RecordScore *const arm = score_of(slice.records[i], scorer), *const reference =
                                                                           score_of(slice.reference[i], scorer);
    if (arm == nullptr || reference == nullptr) continue;
    e.why = arm->why.empty() ? reference->why : arm->why;
    if (!std::isfinite(arm->value - reference->value)) continue;
    columns[0][slice.groups[i]] += arm->value - reference->value;
    columns[1][slice.groups[i]] += 1;
    ++e.n;
    const bool is_right = arm->value > 0.5, was_right = reference->value > 0.5;
    ++(is_right ? was_right ? pairs.both : pairs.only_arm : was_right ? pairs.only_reference : pairs.neither);
  }
  cell.score_pairs.push_back(pairs);
  put("score_delta." + scorer, columns, std::move(e), bootstrap, cell);
}

// e to the power of a mean: quantiles go with it.
Estimate exponential(Estimate e) {
  e.value = std::exp(e.value);
  e.interval = {std::exp(e.interval.low), std::exp(e.interval.high)};
  return e;
}

Estimate likelihood_delta(const Slice& slice, const Bootstrap& bootstrap) {
  Columns columns(4, std::vector<double>(bootstrap.groups()));  // nats, tokens, and the baseline's
  int64_t pairs = 0;
  for (size_t i = 0; i < slice.records.size(); ++i) {
    const Record& arm = *slice.records[i];
    const Record* const base = slice.reference[i];
    if (!arm.nll || base == nullptr || !base->nll) continue;
    const double parts[] = {arm.nll->sum_nats, static_cast<double>(arm.nll->tokens), base->nll->sum_nats,
                            static_cast<double>(base->nll->tokens)};
    for (size_t k = 0; k < 4; ++k) columns[k][slice.groups[i]] += parts[k];
    ++pairs;
  }
  const auto difference = [](std::span<const double> t) { return t[0] / t[1] - t[2] / t[3]; };
  return ratio_estimate(columns, difference, pairs, bootstrap);
}

}  // namespace

void add_scores(const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell) {
  for (const Scorer& scorer : scorers()) {
    const bool is_used = std::any_of(slice.records.begin(), slice.records.end(),
                                     [&](const Record* r) { return score_of(r, scorer.id) != nullptr; });
    if (!is_used) continue;
    add_score(scorer.id, slice, bootstrap, cell);
    if (!arm.baseline) add_delta(scorer.id, slice, bootstrap, cell);
  }
}

void add_likelihoods(const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell) {
  const Estimate nll = cell.at("nll_nats");
  if (!std::isfinite(nll.value)) return;
  cell.metrics.push_back({"ppl", exponential(nll)});
  if (!arm.baseline) cell.metrics.push_back({"nll_delta", likelihood_delta(slice, bootstrap)});
}

}  // namespace specula
