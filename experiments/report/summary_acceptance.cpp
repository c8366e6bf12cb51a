#include <algorithm>
#include <cmath>

#include "experiments/report/metrics_record.h"
#include "experiments/report/summary_cells.h"

namespace specula {
namespace {

std::string why_undefined(const ArmInfo& arm, const Slice& slice, const std::string& metric) {
  if (slice.records.empty()) return "no_records";
  if (metric == "alpha" && !arm.tests_tokens) return "rule_does_not_test_tokens";
  if (metric == "expected_accepted" || metric == "nll_nats") return "not_asked_for";
  if (metric == "rule_us") return "replay_only";
  if (slice.records.front()->replayed && metric != "alpha" && metric != "draft_accept_frac") return "replay";
  if (metric == "repetition_frac") return slice.records.front()->has_ids() ? "short_texts" : "no_ids";
  if (metric == "exact_frac") return "not_compared";
  if (metric == "first_div_tok" || metric == "div_margin_nats") return "no_difference";
  const bool tree =
      std::any_of(slice.records.begin(), slice.records.end(), [](const Record* r) { return r->rounds.is_tree(); });
  return tree ? "tree_draft" : "nothing_drafted";
}

// Sums for now; add_acceptance_counts divides at its end.
void add_note(const std::string& name, const std::vector<double>& values, CellSummary& cell) {
  auto note = std::find_if(cell.notes.begin(), cell.notes.end(), [&](const NoteMean& n) { return n.name == name; });
  if (note == cell.notes.end()) note = cell.notes.insert(note, {.name = name});
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    note->mean += v;
    ++note->rounds;
  }
}

void add_rounds(const Rounds& rounds, CellSummary& cell) {
  for (size_t i = 0; i < rounds.size(); ++i) {
    const auto depth = static_cast<size_t>(rounds.depth[i]), accepted = static_cast<size_t>(rounds.accepted[i]);
    if (cell.depths.size() < depth) cell.depths.resize(depth);
    for (size_t j = 0; j < depth; ++j) {
      ++cell.depths[j].drafted;
      cell.depths[j].tested += accepted >= j ? 1 : 0;
      cell.depths[j].accepted += accepted > j ? 1 : 0;
    }
    if (cell.accepted_histogram.size() <= accepted) cell.accepted_histogram.resize(accepted + 1);
    ++cell.accepted_histogram[accepted];
    cell.counts.drafted += rounds.drafted[i];
    cell.counts.accepted += rounds.accepted[i];
    cell.counts.kept += rounds.kept[i];
  }
  for (const auto& [name, values] : rounds.notes) add_note(name, values, cell);
  cell.counts.rounds += static_cast<int64_t>(rounds.size());
  cell.counts.cut_rounds += rounds.cut >= 0 ? 1 : 0;
}

}  // namespace

void add_rates(const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell) {
  for (const RecordMetric& metric : record_metrics()) {
    Estimate e;
    std::vector<std::vector<double>> columns(2, std::vector<double>(bootstrap.groups()));
    Fraction total;
    const bool defined = metric.name != "alpha" || arm.tests_tokens;
    for (size_t i = 0; defined && i < slice.records.size(); ++i) {
      const std::optional<Fraction> f = metric.of(*slice.records[i]);
      if (!f || f->denominator == 0) continue;
      columns[0][slice.groups[i]] += f->numerator;
      columns[1][slice.groups[i]] += f->denominator;
      total.numerator += f->numerator;
      total.denominator += f->denominator;
      ++e.n;
    }
    if (total.denominator > 0) {
      e.value = total.numerator / total.denominator;
      e.interval = bootstrap.interval(columns, [](std::span<const double> t) { return t[0] / t[1]; });
      e.method = "percentile bootstrap over groups";
    } else {
      e.why = why_undefined(arm, slice, metric.name);
    }
    cell.metrics.push_back({metric.name, std::move(e)});
  }
}

void add_acceptance_counts(const Slice& slice, CellSummary& cell) {
  for (const Record* record : slice.records) {
    add_rounds(record->rounds, cell);
    cell.counts.tokens += record->n_out();
    cell.counts.e2e_s += record->e2e_us * 1e-6;
    cell.counts.decode_s += record->decode_us() * 1e-6;
    cell.counts.prefill_s += record->prefill_us * 1e-6;
  }
  for (NoteMean& note : cell.notes) note.mean /= static_cast<double>(note.rounds);
  cell.counts.records = static_cast<int64_t>(slice.records.size());
}

}  // namespace specula
