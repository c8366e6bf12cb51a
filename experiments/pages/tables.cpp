#include "experiments/pages/tables.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "experiments/report/metrics.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using enum MarkdownTable::Align;

const std::vector<std::string> kSpeeds = {"e2e_tok_s",   "decode_tok_s", "ttft_p50_ms", "tpot_ms",    "step_p50_ms",
                                          "step_p90_ms", "step_p99_ms",  "itl_p50_ms",  "itl_p99_ms", "e2e_ms"};
const std::vector<std::string> kAcceptance = {
    "tau",       "alpha",          "accepted_per_step", "expected_accepted", "drafted_per_step", "draft_accept_frac",
    "util_frac", "tau_prompt_mean"};
const std::vector<std::string> kCosts = {"cost_c", "cost_v", "cost_o", "speedup_model", "trace_overhead_frac"};
const std::vector<std::string> kWork = {"flop_per_tok", "wasted_flop_frac", "mbu_frac",
                                        "mfu_frac",     "alpha_break_even", "draft_memory_frac",
                                        "j_per_tok",    "j_per_tok_net",    "usd_per_mtok"};
const std::vector<std::string> kQuality = {"exact_frac", "first_div_tok", "div_margin_nats", "n_in_tok",
                                           "n_out_tok",  "distinct_1",    "distinct_2",      "repetition_frac"};

// "No alpha: tree (drafts are trees)".  Left out: the baseline, which drafts nothing and is compared with nothing, and
// arms without a record, which lack every figure.
std::string missing_note(const Report& report, const std::string& metric) {
  std::vector<std::pair<std::string, std::vector<std::string>>> by_reason;
  size_t arms_with_records = 0;
  for (const ArmInfo& arm : report.arms) {
    const Estimate& e = report.cell(arm).at(metric);
    if (arm.baseline || report.cell(arm).counts.records == 0) continue;
    ++arms_with_records;
    if (std::isfinite(e.value)) continue;
    const std::string reason = reason_text(e.why);
    const auto known =
        std::find_if(by_reason.begin(), by_reason.end(), [&](const auto& r) { return r.first == reason; });
    if (known == by_reason.end()) {
      by_reason.push_back({reason, {arm.name}});
    } else {
      known->second.push_back(arm.name);
    }
  }
  std::vector<std::string> parts;
  for (const auto& [reason, arms] : by_reason)
    parts.push_back(cat(arms.size() == arms_with_records ? "all arms" : join(arms), " (", reason, ")"));
  return parts.empty() ? "" : cat("No ", metric, ": ", join(parts, "; "));
}

std::string unit_text(const std::string& metric) {
  const std::string unit = find_metric(metric)->unit;
  return unit == "ratio" || unit == "fraction" || metric.ends_with("_" + unit) ? metric : cat(metric, ", ", unit);
}

// A row for each arm, a column for each metric that some arm has.
ReportTable metric_table(const Report& report, const std::string& id, const std::string& title,
                         const std::vector<std::string>& metrics) {
  ReportTable result{.id = id, .title = title};
  std::vector<std::string> shown;
  for (const std::string& metric : metrics) {
    const std::string note = missing_note(report, metric);
    if (!note.empty()) result.notes.push_back(note);
    if (std::any_of(report.arms.begin(), report.arms.end(),
                    [&](const ArmInfo& arm) { return std::isfinite(report.cell(arm).at(metric).value); }))
      shown.push_back(metric);
  }
  if (shown.empty()) return result;
  result.table.column("arm", kLeft);
  for (const std::string& metric : shown) result.table.column(unit_text(metric), kRight);
  for (const ArmInfo& arm : report.arms) {
    std::vector<std::string> row = {arm.name};
    for (const std::string& metric : shown) row.push_back(metric_text(metric, report.cell(arm).at(metric)));
    result.table.row(std::move(row));
  }
  return result;
}

}  // namespace

std::string metric_text(const std::string& metric, double value) {
  const MetricDefinition* const definition = find_metric(metric);
  SPECULA_CHECK(definition != nullptr, "metric '", metric, "' has no definition");
  if (definition->unit == "ratio" || definition->unit == "tokens") return fixed(value, 2);
  if (definition->unit == "fraction") return fixed(value, 3);
  return three_digits(value);
}

std::string metric_text(const std::string& metric, const Estimate& e) {
  std::string value = metric_text(metric, e.value);
  if (!std::isfinite(e.value) || !std::isfinite(e.interval.low)) return value;
  return cat(value, " [", metric_text(metric, e.interval.low), ", ", metric_text(metric, e.interval.high), "]");
}

ReportTable result_arms(const Report& report) {
  return {.id = "results", .title = "Arms", .table = arms_table(report.run, report.summary), .notes = {}};
}

ReportTable result_categories(const Report& report) {
  return {.id = "categories",
          .title = "Speed-up by category",
          .table = categories_table(report.run, report.summary),
          .notes = {}};
}

ReportTable comparison_table(const Report& report) {
  ReportTable result{.id = "comparisons", .title = "Comparisons with " + report.run.baseline().name};
  if (report.summary.comparisons.empty()) return result;
  result.table.column("arm", kLeft);
  for (const char* const title :
       {"speedup (95% CI)", "decode only", "geometric mean", "pairs", "p", "p adjusted", "effect", "would be seen"})
    result.table.column(title, kRight);
  result.table.column("verdict", kLeft);
  for (const ArmInfo& arm : report.arms) {
    const Comparison* const c = report.summary.comparison(arm.name);
    if (c == nullptr) continue;
    const CellSummary& cell = report.cell(arm);
    result.table.row(
        {arm.name, with_interval(c->ratio), metric_text("speedup_decode", cell.at("speedup_decode")),
         metric_text("speedup_geomean", cell.at("speedup_geomean")), std::to_string(c->ratio.n), p_text(c->p),
         p_text(c->p_adjusted), fixed(c->effect, 2),
         std::isfinite(c->detectable_frac) ? fixed(100 * c->detectable_frac, 1) + "%" : fixed(kNotMeasured, 1),
         c->verdict});
  }
  result.notes = {
      "p: Wilcoxon signed-rank over prompts, adjusted across arms by Holm.  Effect: matched-pairs rank-biserial "
      "correlation.  Would be seen: the smallest relative difference that this run shows with 80 % power."};
  return result;
}

ReportTable speed_table(const Report& report) { return metric_table(report, "speed", "Speeds and latencies", kSpeeds); }

ReportTable acceptance_table(const Report& report) {
  ReportTable result = metric_table(report, "acceptance", "Acceptance", kAcceptance);
  if (!report.replayed()) {  // asked for by few; its column is enough
    std::erase_if(result.notes,
                  [](const std::string& note) { return note.starts_with("No expected_accepted: all arms"); });
  }
  return result;
}

ReportTable cost_table(const Report& report) {
  return metric_table(report, "costs", "Costs in rounds of the baseline, and the speed-up that they predict", kCosts);
}

ReportTable work_table(const Report& report) {
  return metric_table(report, "work", "Arithmetic, memory, energy and money of a token", kWork);
}

ReportTable quality_table(const Report& report) {
  std::vector<std::string> metrics = kQuality;
  const std::vector<std::string> of_texts = quality_metrics(report.run, report.summary);
  metrics.insert(metrics.end(), of_texts.begin(), of_texts.end());
  return metric_table(report, "quality", "Texts against the baseline's", metrics);
}

ReportTable phase_table(const Report& report) {
  ReportTable result{.id = "phases", .title = "Time of a kept token by phase, fenced pass"};
  const std::vector<PhaseTimes> all = phase_times(report);
  if (all.empty()) {
    result.notes = {
        cat("No times by phase: ", reason_text(report.run.trace_prompts == 0 ? "no_trace_pass" : "no_records"))};
    return result;
  }
  result.table.column("arm", kLeft);
  for (const std::string& name : phase_names()) result.table.column(name + ", us", kRight);
  result.table.column("sum, us", kRight);
  for (const PhaseTimes& times : all) {
    std::vector<std::string> row = {times.arm};
    for (const double us : times.us)
      row.push_back(cat(three_digits(us), " (", fixed(100 * us / times.total(), 0), "%)"));
    row.push_back(three_digits(times.total()));
    result.table.row(std::move(row));
  }
  return result;
}

ReportTable arm_table(const Report& report) {
  ReportTable result{.id = "arms", .title = "Arms"};
  for (const char* const title : {"arm", "target", "drafter or strategy", "rule", "guarantee", "certificate"})
    result.table.column(title, kLeft);
  for (const ArmInfo& arm : report.arms) {
    result.table.row({arm.name + (arm.baseline ? " (ref)" : ""), arm.target,
                      arm.strategy.empty() ? arm.drafter : arm.strategy, arm.strategy.empty() ? arm.verifier : "–",
                      report.run.promise_of(arm), arm.certified.empty() ? "–" : arm.certified});
  }
  return result;
}

ReportTable model_table(const Report& report) {
  ReportTable result{.id = "models", .title = "Models"};
  for (const char* const title : {"model", "folder", "dtype"}) result.table.column(title, kLeft);
  for (const char* const title : {"parameters", "vocabulary", "context"}) result.table.column(title, kRight);
  for (const char* const title : {"products by", "rows independent", "fingerprint"}) result.table.column(title, kLeft);
  for (const RunModel& m : report.run.models) {
    result.table.row({m.name, m.path, m.dtype, std::to_string(m.parameters), std::to_string(m.vocab),
                      std::to_string(m.context), m.engine.empty() ? "–" : m.engine,
                      m.engine.empty()      ? "–"
                      : m.batch_invariant() ? "yes"
                                            : "no",
                      m.fingerprint.substr(0, 12)});
  }
  return result;
}

const std::vector<std::string>& phase_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names(kPhaseNames.begin(), kPhaseNames.end());
    names.emplace_back("other");
    return names;
  }();
  return kNames;
}

double PhaseTimes::total() const { return std::accumulate(us.begin(), us.end(), 0.0); }

std::vector<PhaseTimes> phase_times(const Report& report) {
  std::map<std::string, double> kept;
  for (const Record& r : report.records.records) {
    if (r.ok && r.key.trace) kept[r.key.arm] += static_cast<double>(r.n_out());
  }
  std::vector<PhaseTimes> all;
  for (const ArmInfo& arm : report.arms) {
    for (const TraceSummary& t : report.summary.traces) {
      if (t.arm != arm.name || kept[t.arm] == 0) continue;
      PhaseTimes times{.arm = t.arm};
      for (int i = 0; i < kNumPhases; ++i) times.us[i] = t.phase_s[i] * 1e6 / kept[t.arm];
      times.us[kNumPhases] = std::max(0.0, t.other_s()) * 1e6 / kept[t.arm];
      all.push_back(times);
    }
  }
  return all;
}

std::vector<std::string> shown_metrics(const Report& report) {
  std::vector<std::string> all = {"speedup", "speedup_decode", "speedup_geomean"};
  for (const auto* part : {&kSpeeds, &kAcceptance, &kCosts, &kQuality})
    all.insert(all.end(), part->begin(), part->end());
  const std::vector<std::string> of_texts = quality_metrics(report.run, report.summary);
  all.insert(all.end(), of_texts.begin(), of_texts.end());
  all.insert(all.end(), {"pos_marginal", "pos_cond", "len_hist"});
  return all;
}

}  // namespace specula
