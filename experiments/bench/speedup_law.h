// What speculation can bring, from what a round costs.  With drafts accepted independently at rate alpha a round of
// gamma drafts emits tau = (1 - alpha^(gamma+1)) / (1 - alpha) tokens (Leviathan 2023, eq. 1) and costs
// gamma c + v + o passes of the target over one row.  Licence: Apache-2.0.
#pragma once

#include <optional>

namespace specula {

// Costs in units of one target pass over one row, the cost of a token without speculation.
struct RoundCosts {
  double length = 0;           // gamma: tokens drafted in a round; any number, since a run tells their mean
  double c = 0, v = 0, o = 0;  // a draft pass, the target pass over length + 1 rows, all outside the models

  double of_round() const { return length * c + v + o; }
};

double expected_tokens(double alpha, double length);  // tau; alpha in 0..1
double predicted_speedup(const RoundCosts& costs, double alpha);
// The acceptance rate from which on speculation pays: 0 where it always does, none where it cannot.
std::optional<double> break_even(const RoundCosts& costs);

}  // namespace specula
