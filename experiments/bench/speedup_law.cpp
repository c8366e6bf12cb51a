#include "experiments/bench/speedup_law.h"

#include <cmath>

namespace specula {

double expected_tokens(double alpha, double length) {
  const double whole = std::floor(length), rest = length - whole;
  double tokens = 0, power = 1;  // the sum of alpha^0..alpha^gamma: right at alpha = 1 too
  for (int i = 0; i <= whole; ++i, power *= alpha) tokens += power;
  if (rest > 0) tokens += alpha == 1 ? rest : power * (1 - std::pow(alpha, rest)) / (1 - alpha);
  return tokens;
}

double predicted_speedup(const RoundCosts& costs, double alpha) {
  return expected_tokens(alpha, costs.length) / costs.of_round();
}

std::optional<double> break_even(const RoundCosts& costs) {
  if (predicted_speedup(costs, 0) >= 1) return 0;
  if (predicted_speedup(costs, 1) < 1) return std::nullopt;
  double low = 0, high = 1;  // tau grows with alpha
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (predicted_speedup(costs, middle) < 1 ? low : high) = middle;
  }
  return high;
}

}  // namespace specula
