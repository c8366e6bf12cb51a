#include "experiments/report/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "framework/core/error.h"
#include "framework/core/keyring.h"
#include "framework/core/weighted_sums.h"

namespace specula {
namespace {

constexpr uint32_t kBootstrapStream = 0x626f6f74;  // "boot": its draws meet no other use of the seed
constexpr uint32_t kDealing = 0x6465616c;          // "deal": the counters of the deal are none of the draws
constexpr size_t kExactLimit = 50;                 // 2^50 signs by dynamic programming: 2550 states, 50 steps

// As of sorted values; only the neighbours of the quantile are put into their places.
double quantile_of(std::vector<double>& values, double q) {
  const auto below = values.begin() + static_cast<ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), below, values.end());
  if (below + 1 != values.end()) std::nth_element(below + 1, below + 1, values.end());
  return quantile(values, q);
}

Interval percentile_interval(std::vector<double>& statistics, int draws) {
  if (statistics.size() * 2 < static_cast<size_t>(draws) || statistics.empty()) return {};
  return {quantile_of(statistics, 0.025), quantile_of(statistics, 0.975)};
}

// Which unit each of G groups belongs to: a random permutation, dealt out in turn, so that sizes differ by one at most.
std::vector<uint16_t> deal(size_t groups, size_t units, PhiloxKey key) {
  std::vector<uint16_t> unit(groups);
  for (size_t g = 0; g < groups; ++g) unit[g] = static_cast<uint16_t>(g % units);
  for (size_t left = groups; left > 1; --left) {
    const auto at = static_cast<uint32_t>(left);
    const uint32_t word = philox4x32_10({at, 0, 0, kDealing}, key)[0];
    std::swap(unit[left - 1], unit[(uint64_t{word} * left) >> 32U]);
  }
  return unit;
}

// Twice the mid-rank of each |difference|, so that ranks are integers.
std::vector<int64_t> doubled_ranks(const std::vector<double>& magnitudes) {
  std::vector<size_t> order(magnitudes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return magnitudes[a] < magnitudes[b]; });
  std::vector<int64_t> ranks(magnitudes.size());
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    while (last + 1 < order.size() && magnitudes[order[last + 1]] == magnitudes[order[first]]) ++last;
    for (size_t i = first; i <= last; ++i) ranks[order[i]] = static_cast<int64_t>(first + last + 2);
    first = last + 1;
  }
  return ranks;
}

// P(W+ <= w) when every sign is fair, ranks doubled.
double exact_lower_tail(const std::vector<int64_t>& ranks, int64_t w) {
  const int64_t total = std::accumulate(ranks.begin(), ranks.end(), int64_t{0});
  std::vector<double> probability(static_cast<size_t>(total) + 1, 0.0);
  probability[0] = 1;
  int64_t reached = 0;
  for (const int64_t rank : ranks) {
    reached += rank;
    for (int64_t sum = reached; sum >= 0; --sum) {
      const double with = sum >= rank ? probability[static_cast<size_t>(sum - rank)] : 0.0;
      probability[static_cast<size_t>(sum)] = 0.5 * (probability[static_cast<size_t>(sum)] + with);
    }
  }
  return std::accumulate(probability.begin(), probability.begin() + w + 1, 0.0);
}

double normal_lower_tail(const std::vector<int64_t>& ranks, int64_t w) {
  double mean = 0, variance = 0;  // of the doubled statistic: sum r/2 and sum r^2/4 with r the doubled ranks
  for (const int64_t rank : ranks) {
    mean += 0.5 * static_cast<double>(rank);
    variance += 0.25 * static_cast<double>(rank) * static_cast<double>(rank);
  }
  const double z = (static_cast<double>(w) + 1.0 - mean) / std::sqrt(variance);  // +1: half a rank, doubled
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

}  // namespace

double quantile(std::span<const double> ascending, double q) {
  if (ascending.empty()) return kNotMeasured;
  const double at = q * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] + (at - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

Bootstrap::Bootstrap(size_t groups, int draws, uint64_t seed)
    : groups_(groups), units_(std::min(groups, kMostUnits)), stride_(padded_units(units_)), draws_(draws) {
  if (groups < 2) return;
  const PhiloxKey key = Keyring(seed).fork(kBootstrapStream).key(Use::kSearch);
  if (units_ < groups_) unit_of_ = deal(groups_, units_, key);
  counts_.resize(stride_ * static_cast<size_t>(draws));
  PhiloxCounter words{};
  size_t at = 0;
  for (int i = 0; i < draws; ++i) {
    uint8_t* const counts = counts_.data() + static_cast<size_t>(i) * stride_;
    for (size_t u = 0; u < units_; ++u, ++at) {
      if (at % 4 == 0)
        words = philox4x32_10({static_cast<uint32_t>(at >> 2U), static_cast<uint32_t>(at >> 34U), 0, 0}, key);
      uint8_t& count = counts[(uint64_t{words[at % 4]} * units_) >> 32U];
      SPECULA_CHECK(count < std::numeric_limits<uint8_t>::max(), "a unit was drawn 256 times out of ", units_);
      ++count;
    }
  }
}

Interval Bootstrap::interval(const std::vector<std::vector<double>>& columns, const Statistic& statistic) const {
  for (const auto& column : columns) SPECULA_CHECK(column.size() == groups_, column.size(), " of ", groups_);
  if (groups_ < 2) return {};
  const size_t width = (columns.size() + 1) / 2 * 2;  // totals are formed in pairs; the last may be zeros
  std::vector<double> of_units(width * stride_), totals(width), statistics;
  for (size_t k = 0; k < columns.size(); ++k) {
    double* const column = of_units.data() + k * stride_;
    for (size_t g = 0; g < groups_; ++g) column[unit_of_.empty() ? g : unit_of_[g]] += columns[k][g];
  }
  statistics.reserve(static_cast<size_t>(draws_));
  for (int i = 0; i < draws_; ++i) {
    const std::span counts(counts_.data() + static_cast<size_t>(i) * stride_, stride_);
    for (size_t k = 0; k < width; k += 2) {
      const double* const column = of_units.data() + k * stride_;
      weighted_sums(counts, column, column + stride_, totals.data() + k);
    }
    const double value = statistic(std::span(totals).first(columns.size()));
    if (std::isfinite(value)) statistics.push_back(value);
  }
  return percentile_interval(statistics, draws_);
}

Interval Bootstrap::quantile_interval(std::span<const GroupedValue> values, std::span<const double> ascending,
                                      double q) const {
  SPECULA_CHECK(values.size() == ascending.size(), values.size(), " values, ", ascending.size(), " sorted ones");
  if (groups_ < 2 || values.empty()) return {};
  const double estimate = quantile(ascending, q);
  std::vector<std::vector<double>> columns(2, std::vector<double>(groups_));  // values at or below it, all values
  double below = 0;
  for (const GroupedValue& v : values) {
    columns[0][v.group] += v.value <= estimate ? 1 : 0;
    columns[1][v.group] += 1;
    below += v.value <= estimate ? 1 : 0;
  }
  const Interval share = interval(columns, [](std::span<const double> t) { return t[0] / t[1]; });
  if (std::isnan(share.low)) return {};
  const double observed = below / static_cast<double>(values.size());
  return {quantile(ascending, std::clamp(q - (share.high - observed), 0.0, 1.0)),
          quantile(ascending, std::clamp(q - (share.low - observed), 0.0, 1.0))};
}

SignedRank wilcoxon_signed_rank(std::span<const double> differences) {
  std::vector<double> magnitudes;
  std::vector<char> positive;
  for (const double d : differences) {
    if (d == 0 || !std::isfinite(d)) continue;
    magnitudes.push_back(std::abs(d));
    positive.push_back(d > 0 ? 1 : 0);
  }
  SignedRank result;
  result.n = static_cast<int64_t>(magnitudes.size());
  if (magnitudes.empty()) return result;
  const std::vector<int64_t> ranks = doubled_ranks(magnitudes);
  int64_t plus = 0, total = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    plus += positive[i] != 0 ? ranks[i] : 0;
    total += ranks[i];
  }
  const int64_t smaller = std::min(plus, total - plus);
  const double tail =
      ranks.size() <= kExactLimit ? exact_lower_tail(ranks, smaller) : normal_lower_tail(ranks, smaller);
  result.p = std::min(1.0, 2 * tail);
  result.rank_biserial = static_cast<double>(2 * plus - total) / static_cast<double>(total);
  return result;
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(p.size() - i) * p[order[i]]));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

}  // namespace specula
