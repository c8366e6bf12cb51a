// The statistics of a comparison: quantiles, the percentile bootstrap over groups of prompts (a conversation is
// resampled as a whole), the Wilcoxon signed-rank test and Holm's correction across arms.  The unit is the group, never
// the token. Everything is a pure function of its input and a seed; the random numbers are Philox's.  Licence:
// Apache-2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace specula {

inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// The q-quantile with linear interpolation between order statistics (R's type 7).  NaN for no values.
double quantile(std::span<const double> ascending, double q);

struct Interval {  // NaN at both ends: could not be formed
  double low = kNotMeasured, high = kNotMeasured;
};

// A value and the group that it is resampled with.
struct GroupedValue {
  double value;
  uint32_t group;
};

// Draws of groups with replacement, made once and used for every statistic, so that all of them see the same
// resamples.  More than kMostUnits groups are first put together at random into so many units of equal size, and units
// are drawn (random groups, Wolter 2007, ch. 2): the interval stays right, its own noise is 2 % of its width, and the
// cost no longer grows with the groups.
class Bootstrap {
 public:
  static constexpr size_t kMostUnits = 1000;
  Bootstrap(size_t groups, int draws, uint64_t seed);
  size_t groups() const { return groups_; }
  int draws() const { return draws_; }

  // 95 % percentile interval of `statistic`, a function of K totals.  columns [K][G] hold what each group adds to
  // each total. Draws in which the statistic is not finite are left out; when they are more than half, or G < 2, there
  // is no interval.
  using Statistic = std::function<double(std::span<const double> totals)>;
  Interval interval(const std::vector<std::vector<double>>& columns, const Statistic& statistic) const;

  // 95 % interval of the q-quantile of pooled values, given in any order and sorted: the share of values at or below
  // the quantile is a ratio of totals, and the ends of its interval are read off the values (Woodruff 1952, "Confidence
  // intervals for medians and other position measures").
  Interval quantile_interval(std::span<const GroupedValue> values, std::span<const double> ascending, double q) const;

 private:
  size_t groups_, units_, stride_;
  int draws_;
  std::vector<uint16_t> unit_of_;  // [G]; empty: each group is a unit
  std::vector<uint8_t> counts_;    // [draws][stride]: how often each unit was drawn; 0 behind the last one
};

// Wilcoxon signed-rank test of paired differences, two-sided; zero differences are dropped (Wilcoxon 1945), ties get
// mid-ranks.  Exact over all signs up to 50 differences, above that normal with tie and continuity correction.
struct SignedRank {
  int64_t n = 0;             // differences that are not zero
  double p = 1;              // two-sided
  double rank_biserial = 0;  // (W+ - W-) / (W+ + W-), the effect size
};
SignedRank wilcoxon_signed_rank(std::span<const double> differences);

// Holm 1979: adjusted p-values in the order given.
std::vector<double> holm(std::span<const double> p);

}  // namespace specula
