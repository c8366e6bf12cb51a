#include <algorithm>
#include <map>

#include "experiments/report/summary_cells.h"

namespace specula {
namespace {

void put(CellSummary& cell, const char* name, double value, int64_t n, const std::string& why) {
  Estimate e{.value = value, .n = n, .why = why};
  if (why.empty()) e.why = "point_estimate";  // of the missing interval: the fenced pass has few prompts
  cell.metrics.push_back({name, std::move(e)});
}

TraceSummary total(const std::string& arm, const std::vector<const Record*>& records) {
  TraceSummary t{.arm = arm};
  for (const Record* r : records) {
    ++t.records;
    t.rounds += static_cast<int64_t>(r->rounds.size());
    for (const int d : r->rounds.drafted) t.drafted += d;
    t.e2e_s += r->e2e_us * 1e-6;
    t.prefill_s += r->prefill_us * 1e-6;
    for (int i = 0; i < kNumPhases; ++i) t.phase_s[i] += r->phase_us[i] * 1e-6;
  }
  return t;
}

// Fenced over unfenced time per token on the same prompts and turns, minus 1.
double overhead(const std::vector<const Record*>& traced, const std::map<RecordKey, const Record*>& plain) {
  double fenced = 0, fenced_tokens = 0, unfenced = 0, unfenced_tokens = 0;
  for (const Record* r : traced) {
    RecordKey key = r->key;
    key.trace = false;
    const auto same = plain.find(key);
    if (same == plain.end()) continue;
    fenced += r->e2e_us;
    fenced_tokens += static_cast<double>(r->n_out());
    unfenced += same->second->e2e_us;
    unfenced_tokens += static_cast<double>(same->second->n_out());
  }
  return (fenced / fenced_tokens) / (unfenced / unfenced_tokens) - 1;
}

void add_costs(const TraceSummary& trace, const TraceSummary& baseline, CellSummary& cell) {
  const double step = (baseline.e2e_s - baseline.prefill_s) / static_cast<double>(baseline.rounds);
  const auto phase = [&](Phase p) { return trace.phase_s[static_cast<int>(p)]; };
  const auto rounds = static_cast<double>(trace.rounds);
  const bool drafts = trace.drafted > 0;
  const double c = drafts ? phase(Phase::kDraft) / static_cast<double>(trace.drafted) / step : kNotMeasured;
  const double v = phase(Phase::kTarget) / rounds / step;
  const double of_drafts = drafts ? phase(Phase::kDraft) : 0;
  const double o = (trace.e2e_s - trace.prefill_s - of_drafts - phase(Phase::kTarget)) / rounds / step;
  put(cell, "cost_c", c, trace.drafted, drafts ? "" : "nothing_drafted");
  put(cell, "cost_v", v, trace.rounds, "");
  put(cell, "cost_o", o, trace.rounds, "");
  const double length = cell.at("drafted_per_step").value;
  put(cell, "speedup_model", cell.at("tau").value / ((drafts ? length * c : 0) + v + o), trace.rounds, "");
}

}  // namespace

double TraceSummary::other_s() const {
  double known = 0;
  for (const double s : phase_s) known += s;
  return e2e_s - known;
}

void add_traces(const RunInfo& run, const std::vector<Record>& records, Summary& summary) {
  std::map<std::string, std::vector<const Record*>> traced;
  std::map<RecordKey, const Record*> plain;
  for (const Record& r : records) {
    if (!r.ok) continue;
    if (r.key.trace) {
      traced[r.key.arm].push_back(&r);
    } else {
      plain[r.key] = &r;
    }
  }
  const TraceSummary baseline = total(run.baseline().name, traced[run.baseline().name]);
  for (const ArmInfo& arm : run.arms) {
    CellSummary& cell = summary.cell(arm.name, "");
    const TraceSummary trace = total(arm.name, traced[arm.name]);
    if (trace.rounds == 0 || baseline.rounds == 0) {
      const char* const why = run.trace_prompts == 0 ? "no_trace_pass" : "no_records";
      for (const char* const name : {"cost_c", "cost_v", "cost_o", "speedup_model", "trace_overhead_frac"}) {
        put(cell, name, kNotMeasured, 0, why);
      }
      continue;
    }
    add_costs(trace, baseline, cell);
    put(cell, "trace_overhead_frac", overhead(traced[arm.name], plain), trace.records, "");
    summary.traces.push_back(trace);
  }
}

}  // namespace specula
