// What tokens cost: money, arithmetic, memory traffic, and the acceptance from which a draft pays.
#include <algorithm>
#include <cmath>

#include "experiments/bench/speedup_law.h"
#include "experiments/report/summary_cells.h"
#include "experiments/report/work.h"
#include "experiments/run/power_meter.h"

namespace specula {
namespace {

using Columns = std::vector<std::vector<double>>;  // [2][groups]: numerators and denominators

void put(const char* name, const Columns& columns, int64_t n, const std::string& why, const Bootstrap& bootstrap,
         CellSummary& cell) {
  Estimate e{.n = n, .why = why};
  double numerator = 0, denominator = 0;
  for (const double v : columns[0]) numerator += v;
  for (const double v : columns[1]) denominator += v;
  if (why.empty() && denominator > 0) {
    e.value = numerator / denominator;
    e.interval = bootstrap.interval(columns, [](std::span<const double> t) { return t[0] / t[1]; });
    e.method = "percentile bootstrap over groups";
  } else if (why.empty()) {
    e.why = "no_records";
  }
  cell.metrics.push_back({name, std::move(e)});
}

std::string why_no_traffic(const RunInfo& run, const WorkModel& model) {
  if (!model.why.empty()) return model.why;
  if (run.batch > 1) return "batch";  // a pass reads the weights once for all its texts
  if (model.target->weight_bytes == 0 || (model.draft != nullptr && model.draft->weight_bytes == 0))
    return "no_weight_bytes";
  return run.stream_gb_s > 0 ? "" : "no_bandwidth";
}

std::string why_no_peak(const WorkModel& model) {
  if (!model.why.empty()) return model.why;
  const bool known = model.target->gemm_gflop_s > 0 && (model.draft == nullptr || model.draft->gemm_gflop_s > 0);
  return known ? "" : "no_peak";
}

// Seconds that the machine's products would take for the work, each model's in its own numbers.
double seconds_at_peak(const WorkModel& model, const Work& work) {
  const double seconds = (work.flop - work.draft_flop) / (model.target->gemm_gflop_s * 1e9);
  return model.draft == nullptr ? seconds : seconds + work.draft_flop / (model.draft->gemm_gflop_s * 1e9);
}

}  // namespace

void add_cost_metrics(const RunInfo& run, const ArmInfo& arm, const Slice& slice, const Bootstrap& bootstrap,
                      CellSummary& cell) {
  const WorkModel model = work_model(run, arm);
  const bool replayed = !slice.records.empty() && slice.records.front()->replayed;
  const std::string replay = replayed ? "replay" : "", why = replayed ? replay : model.why,
                    why_traffic = replayed ? replay : why_no_traffic(run, model),
                    why_peak = replayed ? replay : why_no_peak(model);
  const Columns zero(2, std::vector<double>(bootstrap.groups()));
  Columns dollars = zero, flop = zero, wasted = zero, traffic = zero, arithmetic = zero;
  const auto add = [](Columns& columns, uint32_t group, double numerator, double denominator) {
    columns[0][group] += numerator;
    columns[1][group] += denominator;
  };
  for (size_t i = 0; i < slice.records.size(); ++i) {
    const Record& r = *slice.records[i];
    const uint32_t g = slice.groups[i];
    const auto tokens = static_cast<double>(r.n_out());
    add(dollars, g, run.usd_per_hour / 3600 * r.e2e_us * 1e-6, tokens * 1e-6);
    if (!why.empty()) continue;
    const Work work = work_of(model, r);
    add(flop, g, work.flop, tokens);
    add(wasted, g, work.wasted_flop, work.flop);
    const double draft_bytes = model.draft == nullptr ? 0 : static_cast<double>(model.draft->weight_bytes);
    const double bytes =
        work.target_passes * static_cast<double>(model.target->weight_bytes) + work.draft_passes * draft_bytes;
    add(traffic, g, bytes, r.decode_us() * 1e-6 * run.stream_gb_s * 1e9);
    if (why_peak.empty()) add(arithmetic, g, seconds_at_peak(model, work), r.e2e_us * 1e-6);
  }
  const auto n = static_cast<int64_t>(slice.records.size());
  const std::string no_price = run.usd_per_hour > 0 ? replay : "no_price";
  put("usd_per_mtok", dollars, n, no_price, bootstrap, cell);
  put("flop_per_tok", flop, n, why, bootstrap, cell);
  put("wasted_flop_frac", wasted, n, why, bootstrap, cell);
  put("mbu_frac", traffic, n, why_traffic, bootstrap, cell);
  put("mfu_frac", arithmetic, n, why_peak, bootstrap, cell);
}

namespace {

constexpr double kLeastEnergyWindow = 10;  // seconds; a hundred periods of the slowest counter

std::string why_no_energy(const RunInfo& run, const Slice& slice) {
  if (!run.no_energy.empty()) return run.no_energy;
  double seconds = 0, unbilled = 0;
  for (const Record* r : slice.records) {
    if (r->energy_j.empty()) return "not_read";  // a replay, or a segment on another machine
    seconds += r->e2e_us * 1e-6;
    unbilled += r->unbilled_us * 1e-6;
  }
  if (unbilled > 0.01 * seconds) return "unbilled_work";  // that the counters have seen
  return seconds < kLeastEnergyWindow ? "window_too_short" : "";
}

}  // namespace

void add_energy(const RunInfo& run, const Slice& slice, const Bootstrap& bootstrap, CellSummary& cell) {
  Columns whole(2, std::vector<double>(bootstrap.groups())), net = whole;
  for (size_t i = 0; i < slice.records.size(); ++i) {
    const Record& r = *slice.records[i];
    const double joules = sum_of(r.energy_j), idle = sum_of(run.idle_w) * r.e2e_us * 1e-6;
    for (auto& [columns, energy] : {std::pair(&whole, joules), std::pair(&net, joules - idle)}) {
      (*columns)[0][slice.groups[i]] += energy;
      (*columns)[1][slice.groups[i]] += static_cast<double>(r.n_out());
    }
  }
  const auto n = static_cast<int64_t>(slice.records.size());
  const std::string why = why_no_energy(run, slice);
  put("j_per_tok", whole, n, why, bootstrap, cell);
  put("j_per_tok_net", net, n, why, bootstrap, cell);
}

namespace {

// The share of the memory for weights that the draft rents.
Estimate draft_memory(const RunInfo& run, const ArmInfo& arm) {
  const WorkModel model = work_model(run, arm);
  if (!model.why.empty()) return {.why = model.why};
  const auto bytes = [](const RunModel* m) { return m == nullptr ? 0.0 : static_cast<double>(m->weight_bytes); };
  const double draft = bytes(model.draft), target = bytes(model.target);
  if (target == 0 || (model.draft != nullptr && draft == 0)) return {.why = "no_weight_bytes"};
  return {.value = draft / (draft + target), .n = 1, .why = "point_estimate"};
}

}  // namespace

void add_break_even(const RunInfo& run, const std::vector<Record>& records, Summary& summary) {
  for (const ArmInfo& arm : run.arms) {
    CellSummary& cell = summary.cell(arm.name, "");
    const Estimate &c = cell.at("cost_c"), &v = cell.at("cost_v"), &o = cell.at("cost_o");
    const double length = cell.at("drafted_per_step").value;
    Estimate e{.n = c.n, .why = std::isfinite(c.value) ? "point_estimate" : c.why};
    const bool is_tree = std::any_of(records.begin(), records.end(), [&](const Record& r) {
      return r.ok && r.key.arm == arm.name && r.rounds.is_tree();
    });
    if (is_tree) {
      e.why = "tree_draft";
    } else if (std::isfinite(c.value)) {
      e.value = break_even({.length = length, .c = c.value, .v = v.value, .o = o.value}).value_or(kNotMeasured);
      if (!std::isfinite(e.value)) e.why = "never_pays";
    }
    cell.metrics.push_back({"alpha_break_even", std::move(e)});
    cell.metrics.push_back({"draft_memory_frac", draft_memory(run, arm)});
  }
}

}  // namespace specula
