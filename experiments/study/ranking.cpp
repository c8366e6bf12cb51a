#include "experiments/study/ranking.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace specula {
namespace {

constexpr double kLevel = 0.05;

double speedup_of(std::span<const double> t) { return (t[0] / t[1]) / (t[2] / t[3]); }

Estimate estimate(const std::vector<std::vector<double>>& columns, const Bootstrap::Statistic& statistic,
                  const Bootstrap& bootstrap) {
  std::vector<double> totals;
  for (const std::vector<double>& column : columns) {
    double sum = 0;
    for (const double value : column) sum += value;
    totals.push_back(sum);
  }
  return {.value = statistic(totals),
          .interval = bootstrap.interval(columns, statistic),
          .n = static_cast<int64_t>(columns[0].size()),
          .method = "paired percentile bootstrap over groups"};
}

double overall(const Choice& choice) {
  std::array<double, 4> totals{};
  for (const auto& [group, times] : choice.times) {
    for (size_t k = 0; k < totals.size(); ++k) totals[k] += times[k];
  }
  return speedup_of(totals);
}

void append(std::vector<std::vector<double>>& columns, size_t first, const std::array<double, 4>& times) {
  for (size_t k = 0; k < times.size(); ++k) columns[first + k].push_back(times[k]);
}

Estimate own_speedup(const Choice& choice, int draws, uint64_t seed) {
  std::vector<std::vector<double>> columns(4);
  for (const auto& [group, times] : choice.times) append(columns, 0, times);
  return estimate(columns, speedup_of, Bootstrap(choice.times.size(), draws, seed));
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
    differences.push_back(std::log(speedup_of(times) / speedup_of(same->second)));
  }
  if (differences.empty()) {
    ranked.ratio.why = "no_pairs";
    return 1;
  }
  const auto ratio = [](std::span<const double> t) { return speedup_of(t.first(4)) / speedup_of(t.subspan(4)); };
  ranked.ratio = estimate(columns, ratio, Bootstrap(differences.size(), draws, seed));
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

GroupTimes group_times(const RunInfo& run, const RecordSet& records, const std::string& arm) {
  using Key = std::tuple<std::string, int, int, int>;
  std::map<Key, const Record*> baseline;
  const auto key = [](const Record& r) { return Key{r.key.prompt, r.key.rep, r.key.turn, r.segment}; };
  const auto counts = [](const Record& r) { return r.ok && !r.key.trace && !r.out.empty(); };
  for (const Record& r : records.records) {
    if (counts(r) && r.key.arm == run.baseline().name) baseline[key(r)] = &r;
  }
  GroupTimes times;
  for (const Record& r : records.records) {
    if (!counts(r) || r.key.arm != arm) continue;
    const auto base = baseline.find(key(r));
    if (base == baseline.end()) continue;
    std::array<double, 4>& sum = times[r.group];
    sum[0] += static_cast<double>(r.n_out());
    sum[1] += r.e2e_us;
    sum[2] += static_cast<double>(base->second->n_out());
    sum[3] += base->second->e2e_us;
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
