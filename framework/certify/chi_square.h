// Draws against a law: Pearson's chi-square over merged cells, the smallest total variation that it finds, and bounds
// on the total variation that need no cells.  The tail is the regularised incomplete gamma function (DLMF 8.2.4),
// summed by its series (8.7.1) or its continued fraction (8.9.2, evaluated by Lentz's method, Thompson & Barnett 1986).
// Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <span>

namespace specula {

double upper_incomplete_gamma(double a, double x);  // Q(a,x) = Gamma(a,x) / Gamma(a), for a > 0 and x >= 0
double chi_square_tail(double statistic, int degrees);
double chi_square_critical(double level, int degrees);  // the statistic whose tail is `level`

struct ChiSquare {
  double statistic = 0;  // infinity: a token was drawn that the law gives no mass
  int degrees = 0;       // cells - 1; 0: one cell, nothing to test
  double p = 1;
};
// counts [V] of draws, law [V] >= 0, normalised here.  A token whose expected count is at least `least` has a cell of
// its own; the others are merged in order until a cell has that much (Cochran 1954 asks for 5 to 10).
ChiSquare chi_square(std::span<const int64_t> counts, std::span<const double> law, double least = 10);

// The smallest total variation that is found with probability `power` by n draws, whatever its form.  A deviation of
// TV t has noncentrality at least 4 n t^2 (Cauchy-Schwarz; it is there where the raised tokens hold half of the mass);
// the noncentral law is taken as normal with its mean and variance (Johnson, Kotz & Balakrishnan 1995, 29.5).
double detectable_tv(int64_t n, int degrees, double level, double power = 0.9);

double total_variation(std::span<const double> a, std::span<const double> b);  // both [V], normalised here
// TV(law drawn from, law) is at most the empirical one plus sqrt(ln(1/delta) / (2 n)) with probability 1 - delta: the
// empirical TV moves by at most 1/n with a draw (McDiarmid 1989), and its mean is not below the true one (Jensen).
double tv_upper_bound(double empirical, int64_t n, double delta);

// Two halves of the draws (or of the averaged laws), [V] each: the tokens that one half raises above the law are judged
// by the other, both ways round.  Its mean is not above the true TV, while a plain empirical TV grows with V/n.
double held_out_tv(std::span<const double> first, std::span<const double> second, std::span<const double> law);

// KL(a || b) in nats, both [V], normalised here; infinity where a has mass and b none.
double kl_divergence(std::span<const double> a, std::span<const double> b);

}  // namespace specula
