#include "experiments/study/ranking.h"

#include <algorithm>
#include <cmath>

#include "experiments/report/paired_speed.h"

namespace specula {
namespace {

constexpr double kLevel = 0.05;

double overall(const Choice& choice) {
  std::array<double, 4> totals{};
  for (const auto& [group, times] : choice.times) {
    for (size_t k = 0; k < totals.size(); ++k) totals[k] += times[k];
  }
  return speed_ratio(totals);
}

void append(std::vector<std::vector<double>>& columns, size_t first, const std::array<double, 4>& times) {
  for (size_t k = 0; k < times.size(); ++k) columns[first + k].push_back(times[k]);
}

Estimate own_speedup(const Choice& choice, int draws, uint64_t seed) {
  std::vector<std::vector<double>> columns(4);
  for (const auto& [group, times] : choice.times) append(columns, 0, times);
  const size_t groups = choice.times.size();
  return ratio_estimate(columns, speed_ratio, static_cast<int64_t>(groups), Bootstrap(groups, draws, seed));
}

// Fills ratio; returns the p-value.
double compare(const Choice& choice, const Choice& best, int draws, uint64_t seed, Ranked& ranked) {
  std::vector<std::vector<double>> columns(8);
  std::vector<double> differences;
  for (const auto& [group, times] : choice.times) {
    const auto same = best.times.find(group);
    if (same == best.times.end()) continue;
    append(columns, 0, times);
    append(columns, 4, same->second);
    differences.push_back(std::log(speed_ratio(times) / speed_ratio(same->second)));
  }
  if (differences.empty()) {
    ranked.ratio.why = "no_pairs";
    return 1;
  }
  const auto ratio = [](std::span<const double> t) { return speed_ratio(t.first(4)) / speed_ratio(t.subspan(4)); };
  ranked.ratio = ratio_estimate(columns, ratio, static_cast<int64_t>(differences.size()),
                                Bootstrap(differences.size(), draws, seed));
  return wilcoxon_signed_rank(differences).p;
}

}  // namespace

std::vector<Ranked> rank(std::vector<Choice> choices, int draws, uint64_t seed) {
  std::erase_if(choices, [](const Choice& choice) { return choice.times.empty(); });
  std::stable_sort(choices.begin(), choices.end(),
                   [](const Choice& a, const Choice& b) { return overall(a) > overall(b); });
  std::vector<Ranked> ranking;
  std::vector<double> p;
  for (const Choice& choice : choices) {
    Ranked ranked{.name = choice.name, .speedup = own_speedup(choice, draws, seed), .ratio = {}, .verdict = "best"};
    if (!ranking.empty()) p.push_back(compare(choice, choices.front(), draws, seed, ranked));
    ranking.push_back(std::move(ranked));
  }
  const double pairs = static_cast<double>(ranking.size() * (ranking.size() - 1)) / 2;
  for (size_t i = 1; i < ranking.size(); ++i) {
    ranking[i].p_adjusted = std::min(1.0, p[i - 1] * pairs);
    const bool is_slower = ranking[i].p_adjusted < kLevel && ranking[i].ratio.interval.high < 1;
    ranking[i].verdict = is_slower ? "slower" : "~";
  }
  return ranking;
}

std::string against_baseline(const Estimate& speedup) {
  if (speedup.interval.low > 1) return "";
  return speedup.interval.high < 1 ? " (slower than the baseline)" : " (not told from the baseline)";
}

GroupTimes group_times(const RunInfo& run, const RecordSet& records, const std::string& arm) {
  const PairedRecords baseline(run.baseline().name, records.records);
  GroupTimes times;
  for (const Record& r : records.records) {
    if (!r.ok || r.key.trace || r.key.arm != arm || r.out.empty()) continue;
    const Record* const base = baseline.of(r);
    if (base == nullptr || base->out.empty()) continue;
    std::array<double, 4>& sum = times[r.group];
    sum[0] += static_cast<double>(r.n_out());
    sum[1] += r.e2e_us;
    sum[2] += static_cast<double>(base->n_out());
    sum[3] += base->e2e_us;
  }
  return times;
}

void add_times(GroupTimes& into, const GroupTimes& more) {
  for (const auto& [group, times] : more) {
    std::array<double, 4>& sum = into[group];
    for (size_t k = 0; k < sum.size(); ++k) sum[k] += times[k];
  }
}

}  // namespace specula
