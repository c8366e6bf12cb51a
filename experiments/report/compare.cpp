#include "experiments/report/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "experiments/report/metrics.h"
#include "experiments/report/metrics_record.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

const RecordMetric& metric_of_ratio(const std::string& name) {
  if (const RecordMetric* metric = find_record_metric(name == "speedup" ? "e2e_tok_s" : name)) return *metric;
  std::vector<std::string> valid = {"speedup"};
  for (const RecordMetric& m : record_metrics()) valid.push_back(m.name);
  const char* const what = find_metric(name) == nullptr ? "unknown metric" : "single records do not decide the metric";
  throw ConfigError(cat("--metric ", name, ": ", what, " '", name, "'", suggestion(name, valid)));
}

std::vector<const Record*> records_of(const ComparedRun& run, const std::string& arm) {
  std::vector<const Record*> found;
  for (const Record& r : run.records.records) {
    if (r.ok && !r.key.trace && r.key.arm == arm) found.push_back(&r);
  }
  return found;
}

// Two sets of records that answer the same prompts, and the groups that are resampled.
struct Pairing {
  std::vector<const Record*> row, reference;
  std::vector<uint32_t> row_group, reference_group;
  size_t groups = 0;
  int64_t prompts = 0;
};

using PairKey =
    std::tuple<std::string, int, int, int>;  // prompt, turn, repetition and segment where they must be equal

PairKey pair_key(const Record& r, bool same_run) {
  return {r.key.prompt, r.key.turn, same_run ? r.key.rep : 0, same_run ? r.segment : 0};
}

Pairing pair_up(const std::vector<const Record*>& row, const std::vector<const Record*>& reference, bool same_run) {
  std::set<PairKey> in_row, shared;
  for (const Record* r : row) in_row.insert(pair_key(*r, same_run));
  std::map<std::string, uint32_t> groups;  // of the reference: another run may name its groups otherwise
  std::map<std::string, std::string> group_of_prompt;
  for (const Record* r : reference) {
    const PairKey key = pair_key(*r, same_run);
    if (!in_row.contains(key)) continue;
    shared.insert(key);
    groups.emplace(r->group, static_cast<uint32_t>(groups.size()));
    group_of_prompt[r->key.prompt] = r->group;
  }
  Pairing pairing{.groups = groups.size(), .prompts = static_cast<int64_t>(group_of_prompt.size())};
  const auto take = [&](const std::vector<const Record*>& from, std::vector<const Record*>& to,
                        std::vector<uint32_t>& group) {
    for (const Record* r : from) {
      if (!shared.contains(pair_key(*r, same_run))) continue;
      to.push_back(r);
      group.push_back(groups.at(group_of_prompt.at(r->key.prompt)));
    }
  };
  take(row, pairing.row, pairing.row_group);
  take(reference, pairing.reference, pairing.reference_group);
  return pairing;
}

void add_sums(const RecordMetric& metric, const std::vector<const Record*>& records, const std::vector<uint32_t>& group,
              std::vector<double>& numerator, std::vector<double>& denominator) {
  for (size_t i = 0; i < records.size(); ++i) {
    const std::optional<Fraction> f = metric.of(*records[i]);
    if (!f) continue;
    numerator[group[i]] += f->numerator;
    denominator[group[i]] += f->denominator;
  }
}

Estimate estimate(const std::vector<std::vector<double>>& columns, const Bootstrap& bootstrap,
                  const Bootstrap::Statistic& statistic) {
  std::vector<double> totals;
  for (const auto& column : columns) {
    double sum = 0;
    for (const double v : column) sum += v;
    totals.push_back(sum);
  }
  Estimate e{.value = statistic(totals), .n = static_cast<int64_t>(bootstrap.groups())};
  if (std::isfinite(e.value)) {
    e.interval = bootstrap.interval(columns, statistic);
    e.method = "percentile bootstrap over groups";
  } else {
    e.why = "not_measured_in_the_shared_records";
  }
  return e;
}

double fraction(std::span<const double> t) { return t[0] / t[1]; }
double ratio(std::span<const double> t) { return (t[0] / t[1]) / (t[2] / t[3]); }

std::string verdict_of(const Estimate& e, const std::string& metric) {
  if (!std::isfinite(e.value)) return "–";  // nothing was compared, which is not "no difference shown"
  const bool speed = metric == "speedup" || metric.ends_with("_tok_s");
  if (e.interval.low > 1) return speed ? "faster" : "higher";
  if (e.interval.high < 1) return speed ? "slower" : "lower";
  return "~";
}

std::vector<std::vector<double>> columns_of(const RecordMetric& metric, const Pairing& pairing) {
  std::vector<std::vector<double>> columns(4, std::vector<double>(pairing.groups));
  add_sums(metric, pairing.row, pairing.row_group, columns[0], columns[1]);
  add_sums(metric, pairing.reference, pairing.reference_group, columns[2], columns[3]);
  return columns;
}

// 0 / 0 in every draw: no value.
void leave_undefined(std::vector<std::vector<double>>& columns, size_t first) {
  for (size_t k = first; k < first + 2; ++k) columns[k].assign(columns[k].size(), 0);
}

// The arm of the first run that an arm is compared with.
const ArmInfo& reference_of(const RunInfo& first, const ArmInfo& arm) {
  for (const ArmInfo& candidate : first.arms) {
    if (!arm.reference.empty() && candidate.name == arm.reference) return candidate;
  }
  return first.baseline();
}

Estimate own_speedup(const ComparedRun& run, const std::vector<const Record*>& row, const Bootstrap& draws) {
  const Pairing own = pair_up(row, records_of(run, run.info.baseline().name), true);
  return estimate(columns_of(metric_of_ratio("speedup"), own), Bootstrap(own.groups, draws.draws(), run.info.seed),
                  ratio);
}

}  // namespace

std::vector<CompareRow> compare_runs(const std::vector<ComparedRun>& runs, const std::string& metric_name) {
  const RecordMetric& metric = metric_of_ratio(metric_name);
  const ComparedRun& first = runs.front();
  std::vector<CompareRow> rows;
  for (const ComparedRun& run : runs) {
    const bool same_run = &run == &first;
    for (const ArmInfo& arm : run.info.arms) {
      const ArmInfo& reference = reference_of(first.info, arm);
      const Pairing pairing = pair_up(records_of(run, arm.name), records_of(first, reference.name), same_run);
      const Bootstrap bootstrap(pairing.groups, first.info.bootstrap, first.info.seed);
      auto columns = columns_of(metric, pairing);
      if (metric_name == "alpha" && !arm.tests_tokens) leave_undefined(columns, 0);
      if (metric_name == "alpha" && !reference.tests_tokens) leave_undefined(columns, 2);
      CompareRow row{
          .run = run.label, .arm = arm.name, .reference_arm = reference.name, .num_prompts = pairing.prompts};
      row.value = metric_name == "speedup" ? own_speedup(run, pairing.row, bootstrap)
                                           : estimate({columns[0], columns[1]}, bootstrap, fraction);
      row.ratio = estimate(columns, bootstrap, ratio);
      row.pairing = same_run ? (arm.name == reference.name ? "reference" : "paired") : "unpaired in time";
      row.verdict = row.pairing == "reference" ? "ref" : verdict_of(row.ratio, metric_name);
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string interval_text(const Estimate& e) {
  if (!std::isfinite(e.interval.low)) return three_digits(e.value);
  return cat(three_digits(e.value), " [", three_digits(e.interval.low), ", ", three_digits(e.interval.high), "]");
}

}  // namespace specula
