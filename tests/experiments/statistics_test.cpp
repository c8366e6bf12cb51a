// Statistics against small exact cases, brute force over all signs, known values and planted faults.
#include "experiments/report/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/core/keyring.h"
#include "framework/core/vector_sort.h"
#include "framework/core/weighted_sums.h"

namespace specula {
namespace {

// P-value by enumerating all 2^n signs of the mid-ranks: the definition, without the dynamic programme.
double signed_rank_by_enumeration(const std::vector<double>& d) {
  const size_t n = d.size();
  std::vector<double> rank(n);
  for (size_t i = 0; i < n; ++i) {
    double less = 0, equal = 0;
    for (const double other : d) {
      less += std::abs(other) < std::abs(d[i]) ? 1 : 0;
      equal += std::abs(other) == std::abs(d[i]) ? 1 : 0;
    }
    rank[i] = less + (equal + 1) / 2;
  }
  double plus = 0, total = 0;
  for (size_t i = 0; i < n; ++i) {
    plus += d[i] > 0 ? rank[i] : 0;
    total += rank[i];
  }
  const double smaller = std::min(plus, total - plus);
  int64_t as_small = 0;
  for (uint32_t signs = 0; signs < (1u << n); ++signs) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += (signs >> i & 1) != 0 ? rank[i] : 0;
    as_small += sum <= smaller + 1e-9 ? 1 : 0;
  }
  return std::min(1.0, 2.0 * static_cast<double>(as_small) / std::exp2(static_cast<double>(n)));
}

double normal_draw(const Keyring& keys, int64_t stream, int64_t i) {  // Box and Muller
  const double u = 1 - keys.uniform(Use::kSearch, stream, i, 0), v = keys.uniform(Use::kSearch, stream, i, 1);
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v);
}

double ratio(std::span<const double> t) { return t[0] / t[1]; }

TEST(Quantile, InterpolatesLikeTypeSeven) {
  const std::vector<double> v = {1, 2, 3, 4};  // R: quantile(1:4, c(0, .25, .5, .9, 1)) is 1, 1.75, 2.5, 3.7, 4
  EXPECT_DOUBLE_EQ(quantile(v, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(v, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(quantile(v, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(v, 0.9), 3.7);
  EXPECT_DOUBLE_EQ(quantile(v, 1), 4);
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

TEST(Wilcoxon, EqualsEnumerationWithAndWithoutTies) {
  const std::vector<std::vector<double>> cases = {{1, 2, 3, 4, 5},
                                                  {-1, 2, 3, 4, 5, 6},
                                                  {1, 1, -2, 3, -3, 3, 7},
                                                  {0.5, -0.5, 0.5, -0.5},
                                                  {9, -8, 7, 6, -5, 4, 3, 2, 2, -1, 11}};
  for (const auto& d : cases) EXPECT_NEAR(wilcoxon_signed_rank(d).p, signed_rank_by_enumeration(d), 1e-12) << d.size();
}

TEST(Wilcoxon, KnownSmallCases) {
  EXPECT_DOUBLE_EQ(wilcoxon_signed_rank(std::vector<double>{1, 2, 3, 4, 5}).p, 2.0 / 32);
  EXPECT_DOUBLE_EQ(wilcoxon_signed_rank(std::vector<double>{1, 2, 3, 4, 5}).rank_biserial, 1);
  const SignedRank zeros = wilcoxon_signed_rank(std::vector<double>{0, 0, 0});
  EXPECT_EQ(zeros.n, 0);
  EXPECT_DOUBLE_EQ(zeros.p, 1);
}

TEST(Wilcoxon, NormalApproximationWithTiesEqualsScipy) {
  // scipy 1.17: wilcoxon([((i*37) % 101 - 38) / 10 for i in range(1, 81)], correction=True, method="approx"); one zero,
  // 58 magnitudes among 80 differences.
  std::vector<double> d;
  for (int i = 1; i <= 80; ++i) d.push_back((i * 37 % 101 - 38) / 10.0);
  const SignedRank result = wilcoxon_signed_rank(d);
  EXPECT_EQ(result.n, 79);
  EXPECT_NEAR(result.p, 0.0008075433953084007, 1e-12);
}

TEST(Holm, AdjustsInTheOrderGiven) {
  // Holm 1979 on (.01, .04, .03, .005), m = 4: sorted .005*4, .01*3, .03*2, then max(.06, .04*1).
  const std::vector<double> adjusted = holm(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  EXPECT_DOUBLE_EQ(adjusted[0], 0.03);
  EXPECT_DOUBLE_EQ(adjusted[1], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[2], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[3], 0.02);
  EXPECT_DOUBLE_EQ(holm(std::vector<double>{0.9, 0.8})[0], 1.0);
}

TEST(BootstrapInterval, IsAFunctionOfTheSeed) {
  const std::vector<std::vector<double>> columns = {{3, 1, 4, 1, 5, 9}, {2, 7, 1, 8, 2, 8}};
  const Interval a = Bootstrap(6, 2000, 1).interval(columns, ratio), b = Bootstrap(6, 2000, 1).interval(columns, ratio);
  const Interval other = Bootstrap(6, 2000, 2).interval(columns, ratio);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_TRUE(a.low != other.low || a.high != other.high);
  EXPECT_LT(a.low, a.high);
}

TEST(BootstrapInterval, TwoGroupsFollowTheBinomial) {
  // Two groups with ratios 1 and 3 and equal denominators: draws give 1, 2, 3 with odds 1:2:1, so the 2.5 % and 97.5 %
  // points are 1 and 3.
  const Interval i = Bootstrap(2, 4000, 5).interval({{1, 3}, {1, 1}}, ratio);
  EXPECT_DOUBLE_EQ(i.low, 1);
  EXPECT_DOUBLE_EQ(i.high, 3);
}

TEST(BootstrapInterval, EveryResampleIsAsLargeAsTheSample) {
  for (const size_t groups : {2, 63, 64, 65, 1000, 2500}) {
    const std::vector<double> ones(groups, 1);
    const Interval i = Bootstrap(groups, 200, 7).interval({ones}, [](std::span<const double> t) { return t[0]; });
    if (groups <= Bootstrap::kMostUnits) {
      EXPECT_EQ(i.low, groups);
      EXPECT_EQ(i.high, groups);
    }
    // Units of 2 and of 3 groups: a draw holds another number of groups, but as many on average.
    EXPECT_NEAR((i.low + i.high) / 2, static_cast<double>(groups), 0.02 * static_cast<double>(groups));
  }
}

TEST(BootstrapInterval, TotalsAreWeightedSums) {
  const Keyring keys(31);
  for (const size_t units : {kUnitsAtOnce, 3 * kUnitsAtOnce, padded_units(1000)}) {
    std::vector<uint8_t> counts(units);
    std::vector<double> first(units), second(units), whole(units, 3);
    double sums[2], expected[2] = {0, 0}, drawn = 0;
    for (size_t u = 0; u < units; ++u) {
      counts[u] = static_cast<uint8_t>(u == 5 ? 255 : u % 4);
      first[u] = normal_draw(keys, 0, static_cast<int>(u));
      second[u] = normal_draw(keys, 1, static_cast<int>(u));
      expected[0] += counts[u] * first[u];
      expected[1] += counts[u] * second[u];
      drawn += counts[u];
    }
    weighted_sums(counts, first.data(), second.data(), sums);
    EXPECT_NEAR(sums[0], expected[0], 1e-11);
    EXPECT_NEAR(sums[1], expected[1], 1e-11);
    weighted_sums(counts, whole.data(), second.data(), sums);
    EXPECT_EQ(sums[0], 3 * drawn) << "of whole numbers exactly";
  }
  EXPECT_THROW(weighted_sums(std::vector<uint8_t>(65), nullptr, nullptr, nullptr), std::logic_error);
}

TEST(BootstrapInterval, OneGroupHasNone) {
  EXPECT_TRUE(std::isnan(Bootstrap(1, 100, 0).interval({{1}, {1}}, ratio).low));
  EXPECT_TRUE(std::isnan(Bootstrap(5, 100, 0).interval({{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}}, ratio).low))
      << "0/0 has no interval";
}

TEST(BootstrapInterval, CoversTheTruthAboutAsOftenAsItSays) {
  // 300 experiments of 30 groups with a true ratio of 2.  Percentile intervals of 30 groups cover a little less than 95
  // %; outside 88..99 % the resampling or the percentiles are wrong (standard error 1.3 %).
  const Keyring keys(11);
  int covered = 0;
  for (int e = 0; e < 300; ++e) {
    std::vector<double> a(30), b(30);
    for (int g = 0; g < 30; ++g) {
      b[g] = std::exp(0.3 * normal_draw(keys, 2 * e, g));
      a[g] = 2 * b[g] * std::exp(0.2 * normal_draw(keys, 2 * e + 1, g)) / std::exp(0.02);
    }
    const Interval i = Bootstrap(30, 400, static_cast<uint64_t>(e)).interval({a, b}, ratio);
    covered += i.low <= 2 && 2 <= i.high ? 1 : 0;
  }
  EXPECT_GE(covered, 264);
  EXPECT_LE(covered, 297);
}

TEST(BootstrapInterval, WrongPairingWidensIt) {
  // The planted fault: times of the arm shuffled against those of the baseline.  Prompts differ by 35 %, the ratio by 4
  // %.
  const Keyring keys(17);
  std::vector<double> baseline, arm;
  for (int g = 0; g < 60; ++g) {
    baseline.push_back(std::exp(0.35 * normal_draw(keys, 0, g)));
    arm.push_back(baseline.back() / 2 * std::exp(0.04 * normal_draw(keys, 1, g)));
  }
  const Bootstrap bootstrap(60, 2000, 1);
  const Interval paired = bootstrap.interval({baseline, arm}, ratio);
  std::rotate(arm.begin(), arm.begin() + 17, arm.end());
  const Interval shuffled = bootstrap.interval({baseline, arm}, ratio);
  EXPECT_GT(shuffled.high - shuffled.low, 4 * (paired.high - paired.low));
}

std::vector<double> sorted(const std::vector<GroupedValue>& values) {
  std::vector<double> ascending;
  for (const GroupedValue& v : values) ascending.push_back(v.value);
  std::sort(ascending.begin(), ascending.end());
  return ascending;
}

TEST(VectorSort, IsTheOrderOfTheStandardLibrary) {
  const Keyring keys(37);
  for (const int n : {0, 1, 2, 3, 17, 64, 1000, 20000}) {
    std::vector<double> values;
    std::vector<uint64_t> keys_of_values;
    for (int i = 0; i < n; ++i) {
      values.push_back(i % 3 == 0 ? 0 : normal_draw(keys, n, i));
      keys_of_values.push_back(i % 5 == 0 ? ~uint64_t{0} : static_cast<uint64_t>(1e12 * std::abs(values.back())));
    }
    std::vector<double> expected = values;
    std::vector<uint64_t> expected_keys = keys_of_values;
    std::sort(expected.begin(), expected.end());
    std::sort(expected_keys.begin(), expected_keys.end());
    sort_ascending(values);
    sort_ascending(keys_of_values);
    EXPECT_EQ(values, expected) << n;
    EXPECT_EQ(keys_of_values, expected_keys) << n;
  }
}

TEST(BootstrapQuantiles, MedianOfPooledValues) {
  std::vector<GroupedValue> values;
  for (uint32_t i = 0; i < 200; ++i) values.push_back({static_cast<double>(i), i % 20});
  const Bootstrap bootstrap(20, 500, 3);
  std::reverse(values.begin(), values.end());
  const Interval median = bootstrap.quantile_interval(values, sorted(values), 0.5),
                 last = bootstrap.quantile_interval(values, sorted(values), 0.99);
  EXPECT_LT(median.low, 100);
  EXPECT_GT(median.high, 98);
  EXPECT_LT(median.high - median.low, 40);
  EXPECT_GT(last.low, 180);
  EXPECT_LE(last.high, 199);
}

// Values of one group are alike, so the group is the unit: taking values for units is the fault.
std::vector<GroupedValue> clustered_values(const Keyring& keys, int experiment) {
  std::vector<GroupedValue> values;
  for (uint32_t g = 0; g < 40; ++g) {
    const double centre = normal_draw(keys, 2 * experiment, static_cast<int>(g));
    for (int i = 0; i < 10; ++i)
      values.push_back({centre + 0.3 * normal_draw(keys, 2 * experiment + 1, static_cast<int>(g) * 10 + i), g});
  }
  return values;
}

TEST(BootstrapQuantiles, CoverTheTruthAboutAsOftenAsTheySay) {
  // The median of both parts is 0.  200 experiments: standard error 1.5 %.
  const Keyring keys(23);
  int covered = 0, covered_by_values = 0;
  for (int e = 0; e < 200; ++e) {
    std::vector<GroupedValue> values = clustered_values(keys, e);
    const Interval i = Bootstrap(40, 400, static_cast<uint64_t>(e)).quantile_interval(values, sorted(values), 0.5);
    covered += i.low <= 0 && 0 <= i.high ? 1 : 0;
    for (uint32_t v = 0; v < 400; ++v) values[v].group = v;
    const Interval narrow =
        Bootstrap(400, 400, static_cast<uint64_t>(e)).quantile_interval(values, sorted(values), 0.5);
    covered_by_values += narrow.low <= 0 && 0 <= narrow.high ? 1 : 0;
  }
  EXPECT_GE(covered, 176);
  EXPECT_LE(covered, 199);
  EXPECT_LT(covered_by_values, 140) << "the planted fault";
}

TEST(BootstrapInterval, ManyGroupsAreDrawnAsUnits) {
  // 20,000 groups with a known standard error of the mean: 1 / sqrt(20,000).
  const Keyring keys(29);
  constexpr int kGroups = 20000;
  std::vector<std::vector<double>> columns(2);
  for (int g = 0; g < kGroups; ++g) {
    columns[0].push_back(5 + normal_draw(keys, 0, g));
    columns[1].push_back(1);
  }
  const Interval i = Bootstrap(kGroups, 4000, 2).interval(columns, ratio);
  const double expected = 2 * 1.96 / std::sqrt(static_cast<double>(kGroups));
  EXPECT_NEAR(i.high - i.low, expected, 0.08 * expected);
  EXPECT_NEAR((i.high + i.low) / 2, 5, expected);
  // Units of neighbours instead of a random deal: groups that are alike fall into one unit, and the interval widens.
  std::sort(columns[0].begin(), columns[0].end());
  const Interval sorted = Bootstrap(kGroups, 4000, 2).interval(columns, ratio);
  EXPECT_NEAR(sorted.high - sorted.low, expected, 0.08 * expected);
}

}  // namespace
}  // namespace specula
