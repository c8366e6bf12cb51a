// `specula compare`: reads run folders, prints one table.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/report/bound.h"
#include "experiments/report/compare.h"
#include "experiments/report/csv.h"
#include "experiments/report/metrics.h"
#include "experiments/report/table.h"
#include "framework/core/log.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> notes(const std::vector<ComparedRun>& runs) {
  std::vector<std::string> all;
  for (size_t i = 1; i < runs.size(); ++i) {
    const std::vector<std::string> other = differences(runs[0].info, runs[i].info);
    if (!other.empty()) all.push_back(cat(runs[i].label, " differs from ", runs[0].label, " in ", join(other)));
  }
  return all;
}

// Whether all are compared with one arm; in a replay of several traces each is with the one of its own rounds.
bool have_one_reference(const std::vector<CompareRow>& rows) {
  return std::all_of(rows.begin(), rows.end(),
                     [&](const CompareRow& r) { return r.reference_arm == rows.front().reference_arm; });
}

std::string markdown(const std::vector<ComparedRun>& runs, const std::vector<CompareRow>& rows,
                     const std::string& metric) {
  using enum MarkdownTable::Align;
  MarkdownTable table;
  const std::string reference = have_one_reference(rows) ? rows.front().reference_arm : "its reference";
  const bool many = runs.size() > 1;
  const bool ratio = many || metric != "speedup";  // in one run the speed-up is the ratio
  if (many) table.column("run", kLeft);
  table.column("arm", kLeft);
  table.column("prompts", kRight);
  table.column(cat(metric, " (95% CI)"), kRight);
  if (ratio) table.column(cat(metric == "speedup" ? "tok/s" : "ratio", " to ", reference, " (95% CI)"), kRight);
  table.column("pairing", kLeft);
  table.column("verdict", kLeft);
  for (const CompareRow& r : rows) {
    const bool is_reference = r.pairing == "reference";
    std::vector<std::string> cells;
    if (many) cells.push_back(r.run);
    cells.insert(cells.end(), {r.arm, std::to_string(r.num_prompts), interval_text(r.value)});
    if (ratio) cells.push_back(is_reference ? "1.00" : interval_text(r.ratio));
    cells.insert(cells.end(), {r.pairing, r.verdict});
    table.row(std::move(cells));
  }
  std::string text =
      cat(metric, ", ", find_metric(metric)->unit, "; reference: ",
          have_one_reference(rows) ? cat(reference, " of ", runs.front().label) : "the arm of the same rounds", "\n\n",
          table.text());
  for (const std::string& note : notes(runs)) text += "! " + note + "\n";
  return text;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string csv(const std::vector<CompareRow>& rows, const std::string& metric) {
  std::string text = "run,arm,metric,prompts,value,ci_low,ci_high,ratio,ratio_ci_low,ratio_ci_high,pairing,verdict\n";
  for (const CompareRow& r : rows) {
    text += cat("\"", r.run, "\",", r.arm, ",", metric, ",", r.num_prompts, ",", csv_number(r.value.value), ",",
                csv_number(r.value.interval.low), ",", csv_number(r.value.interval.high), ",",
                csv_number(r.ratio.value), ",", csv_number(r.ratio.interval.low), ",",
                csv_number(r.ratio.interval.high), ",", r.pairing, ",", r.verdict, "\n");
  }
  return text;
}

Json estimate_json(const Estimate& e) {
  Json json = {
      {"value", number(e.value)}, {"ci_low", number(e.interval.low)}, {"ci_high", number(e.interval.high)}, {"n", e.n}};
  if (!e.why.empty()) json["value_why"] = e.why;
  return json;
}

std::string json(const std::vector<ComparedRun>& runs, const std::vector<CompareRow>& rows, const std::string& metric) {
  Json all = {{"schema", "specula.compare/1.0"}, {"metric", metric}, {"unit", find_metric(metric)->unit}};
  all["reference"] = {{"run", runs.front().label}, {"arm", runs.front().info.baseline().name}};
  all["rows"] = Json::array();
  for (const CompareRow& r : rows) {
    all["rows"].push_back({{"run", r.run},
                           {"arm", r.arm},
                           {"prompts", r.num_prompts},
                           {metric, estimate_json(r.value)},
                           {"ratio", estimate_json(r.ratio)},
                           {"reference", r.reference_arm},
                           {"pairing", r.pairing},
                           {"verdict", r.verdict}});
  }
  all["notes"] = notes(runs);
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

ExitCode compare_command(const CompareArgs& args) {
  if (args.runs.empty())
    throw ConfigError("compare: no run folder was given; they are printed at the end of 'specula run'");
  if (args.format != "md" && args.format != "csv" && args.format != "json") {
    throw ConfigError(
        cat("--format ", args.format, ": not one of md, csv, json", suggestion(args.format, {"md", "csv", "json"})));
  }
  if (!args.fail_if.empty()) parse_bound(args.fail_if);  // before anything is read
  std::vector<ComparedRun> runs;
  for (const std::string& folder : args.runs) {
    std::string label = folder;
    while (label.size() > 1 && label.back() == '/') label.pop_back();
    runs.push_back({.label = label, .info = read_manifest(folder), .records = read_records(folder)});
    if (runs.back().records.records.empty()) throw Error(cat(folder, ": this run has no records yet"));
  }
  const std::vector<CompareRow> rows = compare_runs(runs, args.metric);
  std::fputs((args.format == "csv"    ? csv(rows, args.metric)
              : args.format == "json" ? json(runs, rows, args.metric)
                                      : markdown(runs, rows, args.metric))
                 .c_str(),
             stdout);
  if (args.fail_if.empty()) return ExitCode::kOk;
  const std::vector<std::string> failures = beyond(parse_bound(args.fail_if), runs);
  for (const std::string& failure : failures) log::error("beyond the bound: " + failure);
  return failures.empty() ? ExitCode::kOk : ExitCode::kExpectation;
}

}  // namespace specula
