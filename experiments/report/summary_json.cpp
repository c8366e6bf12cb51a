#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/report/csv.h"
#include "experiments/report/metrics.h"
#include "experiments/report/summary.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json estimate_json(const std::string& name, const Estimate& e) {
  const MetricDefinition* definition = find_metric(name);
  SPECULA_CHECK(definition != nullptr, "metric '", name, "' has no definition");
  Json json = {{"value", number(e.value)},           {"ci_low", number(e.interval.low)},
               {"ci_high", number(e.interval.high)}, {"n", e.n},
               {"unit", definition->unit},           {"portable", definition->portable}};
  json["method"] = e.method.empty() ? Json(nullptr) : Json(e.method);
  if (!std::isfinite(e.value)) {
    json["value_why"] = e.why.empty() ? "not_finite" : e.why;
  } else if (!std::isfinite(e.interval.low)) {
    json["ci_why"] = e.why.empty() ? "fewer_than_two_groups" : e.why;
  }
  return json;
}

Json rate(int64_t part, int64_t whole) {
  return whole == 0 ? Json(nullptr) : Json(static_cast<double>(part) / static_cast<double>(whole));
}

Json cell_json(const CellSummary& c) {
  Json json = {{"arm", c.arm},
               {"cat", c.category.empty() ? Json(nullptr) : Json(c.category)},
               {"n_prompts", c.num_prompts},
               {"n_ok", c.counts.records},
               {"n_failed", c.counts.failed}};
  json["counts"] = {
      {"steps", c.counts.rounds},          {"cut_steps", c.counts.cut_rounds}, {"drafted_tok", c.counts.drafted},
      {"accepted_tok", c.counts.accepted}, {"kept_tok", c.counts.kept},        {"out_tok", c.counts.tokens},
      {"e2e_s", c.counts.e2e_s},           {"decode_s", c.counts.decode_s},    {"prefill_s", c.counts.prefill_s}};
  Json metrics = Json::object();
  for (const NamedEstimate& m : c.metrics) metrics[m.name] = estimate_json(m.name, m.estimate);
  json["metrics"] = std::move(metrics);
  Json positions = Json::array();
  for (size_t j = 0; j < c.depths.size(); ++j) {
    const DepthCounts& d = c.depths[j];
    positions.push_back({{"depth", j + 1},
                         {"n_drafted", d.drafted},
                         {"n_tested", d.tested},
                         {"n_accepted", d.accepted},
                         {"pos_marginal", rate(d.accepted, d.drafted)},
                         {"pos_cond", rate(d.accepted, d.tested)}});
  }
  json["positions"] = std::move(positions);
  json["len_hist"] = c.accepted_histogram;
  for (const NoteMean& note : c.notes) json["notes"][note.name] = {{"mean", number(note.mean)}, {"n", note.rounds}};
  for (const ScorePairs& p : c.score_pairs)
    json["score_pairs"][p.scorer] = {
        {"both", p.both}, {"only_arm", p.only_arm}, {"only_ref", p.only_reference}, {"neither", p.neither}};
  return json;
}

Json trace_json(const TraceSummary& t) {
  Json phases = Json::object();
  for (int i = 0; i < kNumPhases; ++i) phases[std::string(kPhaseNames[i]) + "_s"] = t.phase_s[i];
  phases["other_s"] = t.other_s();
  return {{"arm", t.arm},
          {"n", t.records},
          {"steps", t.rounds},
          {"drafted_tok", t.drafted},
          {"e2e_s", t.e2e_s},
          {"prefill_total_s", t.prefill_s},
          {"phases", std::move(phases)}};
}

Json comparison_json(const Comparison& c) {
  return {{"arm", c.arm},
          {"ref", c.reference},
          {"metric", c.metric},
          {"ratio", number(c.ratio.value)},
          {"ci_low", number(c.ratio.interval.low)},
          {"ci_high", number(c.ratio.interval.high)},
          {"n", c.ratio.n},
          {"test", "Wilcoxon signed-rank over groups; Holm across arms that repeat no other"},
          {"p", number(c.p)},
          {"p_adj", number(c.p_adjusted)},
          {"effect", number(c.effect)},
          {"detectable_frac", number(c.detectable_frac)},
          {"verdict", c.verdict}};
}

}  // namespace

std::string summary_json(const RunInfo& run, const Summary& summary) {
  Json json = {{"schema", "specula.summary/1.0"}, {"run_id", run.run_id},
               {"experiment", run.experiment},    {"cell", run.cell},
               {"defs", {"accept/1", "time/1"}},  {"by", {"arm", "cat"}},
               {"ref", run.baseline().name},      {"bootstrap_draws", run.bootstrap}};
  for (const CellSummary& c : summary.cells) json["cells"].push_back(cell_json(c));
  json["traces"] = Json::array();
  for (const TraceSummary& t : summary.traces) json["traces"].push_back(trace_json(t));
  json["comparisons"] = Json::array();
  for (const Comparison& c : summary.comparisons) json["comparisons"].push_back(comparison_json(c));
  if (!summary.duplicates.empty()) {
    json["duplicates"] = Json::array();
    for (const Comparison& c : summary.duplicates) json["duplicates"].push_back(comparison_json(c));
  }
  json["checks"] = Json::array();
  for (const Check& c : summary.checks) {
    json["checks"].push_back({{"name", c.name},
                              {"arm", c.arm.empty() ? Json(nullptr) : Json(c.arm)},
                              {"passed", c.passed},
                              {"detail", c.detail}});
  }
  for (const ExpectationResult& e : summary.expectations) {
    json["expectations"].push_back({{"arm", e.expected.arm},
                                    {"metric", e.expected.metric},
                                    {"kind", e.expected.kind},
                                    {"low", number(e.expected.low)},
                                    {"high", number(e.expected.high)},
                                    {"value", number(e.value)},
                                    {"met", e.met}});
  }
  json["warnings"] = summary.warnings;
  json["excluded"] = summary.excluded;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string summary_csv(const Summary& summary) {
  std::string csv = "arm,category,metric,value,ci_low,ci_high,n,unit,method\n";
  for (const CellSummary& c : summary.cells) {
    for (const NamedEstimate& m : c.metrics) {
      const Estimate& e = m.estimate;
      csv += cat(csv_text(c.arm), ",", csv_text(c.category), ",", m.name, ",", csv_number(e.value), ",",
                 csv_number(e.interval.low), ",", csv_number(e.interval.high), ",", e.n, ",", find_metric(m.name)->unit,
                 ",", csv_text(e.method), "\n");
    }
  }
  return csv;
}

}  // namespace specula
