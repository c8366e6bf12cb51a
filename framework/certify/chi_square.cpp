#include "framework/certify/chi_square.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr int kMostTerms = 100000;
constexpr double kPrecision = 1e-15;

// x^a e^-x / Gamma(a)
double prefactor(double a, double x) { return std::exp(a * std::log(x) - x - std::lgamma(a)); }

double lower_by_series(double a, double x) {  // P(a,x) = prefactor sum_k x^k / (a (a+1) ... (a+k)), DLMF 8.7.1
  double term = 1 / a, sum = term;
  for (int k = 1; k < kMostTerms && term > sum * kPrecision; ++k) {
    term *= x / (a + k);
    sum += term;
  }
  return prefactor(a, x) * sum;
}

double upper_by_fraction(double a, double x) {  // even part of DLMF 8.9.2
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, value = d;
  for (int k = 1; k < kMostTerms; ++k) {
    const double numerator = -k * (k - a);
    b += 2;
    d = numerator * d + b;
    if (std::abs(d) < kTiny) d = kTiny;
    c = b + numerator / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    value *= c * d;
    if (std::abs(c * d - 1) < kPrecision) break;
  }
  return prefactor(a, x) * value;
}

double sum_of(std::span<const double> law) { return std::accumulate(law.begin(), law.end(), 0.0); }

double normal_quantile(double probability) {  // by bisection of erfc; called a few times
  double low = -40, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < probability ? low : high) = middle;
  }
  return low;
}

}  // namespace

double upper_incomplete_gamma(double a, double x) {
  SPECULA_CHECK(a > 0 && x >= 0, a, " ", x);
  if (x == 0) return 1;
  if (std::isinf(x)) return 0;
  return x < a + 1 ? 1 - lower_by_series(a, x) : upper_by_fraction(a, x);
}

double chi_square_tail(double statistic, int degrees) {
  return degrees == 0 ? (statistic > 0 ? 0 : 1) : upper_incomplete_gamma(degrees / 2.0, statistic / 2);
}

double chi_square_critical(double level, int degrees) {
  double low = 0, high = 1;
  while (chi_square_tail(high, degrees) > level) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (chi_square_tail(middle, degrees) > level ? low : high) = middle;
  }
  return high;
}

ChiSquare chi_square(std::span<const int64_t> counts, std::span<const double> law, double least) {
  SPECULA_CHECK(counts.size() == law.size() && !law.empty(), counts.size(), " ", law.size());
  const auto n = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  const double scale = n / sum_of(law);
  ChiSquare result;
  int cells = 0;
  const auto close = [&](double count, double expected) {
    result.statistic += (count - expected) * (count - expected) / expected;
    ++cells;
  };
  double open_count = 0, open_expected = 0, last_count = 0, last_expected = 0;  // last: the merged cell before
  for (size_t x = 0; x < law.size(); ++x) {
    const auto count = static_cast<double>(counts[x]);
    const double expected = law[x] * scale;
    if (count > 0 && !(expected > 0)) {
      return {.statistic = std::numeric_limits<double>::infinity(), .degrees = 1, .p = 0};
    }
    if (expected >= least) {
      close(count, expected);
      continue;
    }
    open_count += count;
    open_expected += expected;
    if (open_expected < least) continue;
    if (last_expected > 0) close(last_count, last_expected);
    last_count = open_count;
    last_expected = open_expected;
    open_count = open_expected = 0;
  }
  // What is left over joins the last merged cell, or stands alone where there is none.
  if (last_expected + open_expected > 0) close(last_count + open_count, last_expected + open_expected);
  result.degrees = std::max(cells - 1, 0);
  if (result.degrees > 0) result.p = chi_square_tail(result.statistic, result.degrees);
  return result;
}

double detectable_tv(int64_t n, int degrees, double level, double power) {
  if (degrees == 0 || n <= 0) return 1;
  const double critical = chi_square_critical(level, degrees), z = normal_quantile(power);
  double low = 0, high = 1;
  for (int i = 0; i < 100; ++i) {
    const double tv = (low + high) / 2;
    const double noncentrality = 4 * static_cast<double>(n) * tv * tv;
    const double surely = degrees + noncentrality - z * std::sqrt(2 * (degrees + 2 * noncentrality));
    (surely < critical ? low : high) = tv;
  }
  return high;
}

double total_variation(std::span<const double> a, std::span<const double> b) {
  SPECULA_CHECK(a.size() == b.size(), a.size(), " ", b.size());
  const double scale_a = 1 / sum_of(a), scale_b = 1 / sum_of(b);
  double sum = 0;
  for (size_t x = 0; x < a.size(); ++x) sum += std::abs(a[x] * scale_a - b[x] * scale_b);
  return sum / 2;
}

double tv_upper_bound(double empirical, int64_t n, double delta) {
  if (n <= 0) return 1;
  return std::min(1.0, empirical + std::sqrt(std::log(1 / delta) / (2 * static_cast<double>(n))));
}

double held_out_tv(std::span<const double> first, std::span<const double> second, std::span<const double> law) {
  SPECULA_CHECK(first.size() == law.size() && second.size() == law.size(), first.size(), " ", second.size());
  const double scale_first = 1 / sum_of(first), scale_second = 1 / sum_of(second), scale = 1 / sum_of(law);
  double sum = 0;
  for (size_t x = 0; x < law.size(); ++x) {
    const double one = first[x] * scale_first - law[x] * scale, other = second[x] * scale_second - law[x] * scale;
    if (one > 0) sum += other;
    if (other > 0) sum += one;
  }
  return std::clamp(sum / 2, 0.0, 1.0);
}

double kl_divergence(std::span<const double> a, std::span<const double> b) {
  SPECULA_CHECK(a.size() == b.size(), a.size(), " ", b.size());
  const double scale_a = 1 / sum_of(a), scale_b = 1 / sum_of(b);
  double sum = 0;
  for (size_t x = 0; x < a.size(); ++x) {
    if (a[x] > 0) sum += a[x] * scale_a * std::log(a[x] * scale_a / (b[x] * scale_b));
  }
  return std::max(sum, 0.0);
}

}  // namespace specula
