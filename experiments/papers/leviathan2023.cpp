// Leviathan, Kalman and Matias 2023, "Fast Inference from Transformers via Speculative Decoding".  Licence: Apache-2.0.
#include <cmath>

#include "experiments/bench/speedup_law.h"
#include "experiments/papers/paper.h"

namespace specula {
namespace {

// Two tokens, and two laws whose overlap is alpha.
double tokens_a_round(const Registries& registries, double alpha, int length) {
  const Row p = {1 - alpha / 2, alpha / 2}, q = {alpha / 2, 1 - alpha / 2};
  return 1 + mean_accepted(*rule_of(registries, "rejection"), drafts_of(p, q, chain_of(length, Draw::kIid)));
}

// Table 1, at c = 0: alpha, gamma, arithmetic operations and speed against decoding without a draft.
struct TableRow {
  double alpha;
  int length;
  double operations, speed;
};
constexpr TableRow kTable1[] = {{.6, 2, 1.53, 1.96}, {.7, 3, 1.58, 2.53}, {.8, 2, 1.23, 2.44},
                                {.8, 5, 1.63, 3.69}, {.9, 2, 1.11, 2.71}, {.9, 10, 1.60, 6.86}};
constexpr double kPrinted = .005;  // two decimals

void add_table(const Registries& registries, PaperChecks& checks) {
  for (const TableRow& row : kTable1) {
    const std::string setting = cat(": alpha ", row.alpha, ", gamma ", row.length);
    const double tokens = tokens_a_round(registries, row.alpha, row.length);
    checks.push_back(
        equals({cat("tokens a round of `rejection`", setting), "table 1, speed"}, tokens, row.speed, kPrinted));
    checks.push_back(equals({cat("rows a token of `rejection`", setting), "table 1, operations"},
                            (row.length + 1) / tokens, row.operations, kPrinted));
    checks.push_back(
        equals({cat("speed-up that `bench round` predicts at c = 0", setting), "table 1, speed"},
               predicted_speedup({.length = static_cast<double>(row.length), .c = 0, .v = 1, .o = 0}, row.alpha),
               row.speed, kPrinted));
  }
}

// The draft length with the highest predicted speed-up.
int best_length(double alpha, double c) {
  int best = 0;
  double speed = 1;
  for (int length = 1; length <= 64; ++length) {
    const double predicted = predicted_speedup({.length = static_cast<double>(length), .c = c, .v = 1, .o = 0}, alpha);
    if (predicted > speed) {
      speed = predicted;
      best = length;
    }
  }
  return best;
}

PaperChecks on_toys(const Registries& registries) {
  PaperChecks checks{keeps_the_law({"total variation of texts under `rejection` from the target's", "appendix A.1"},
                                   registries, "rejection", {chain_of(1, Draw::kIid), chain_of(3, Draw::kIid)})};
  const Row p = random_law(1, 6), q = random_law(2, 6);
  checks.push_back(equals(
      {"acceptance of `rejection` less the overlap of p and q", "corollary 3.6"},
      mean_accepted(*rule_of(registries, "rejection"), drafts_of(p, q, chain_of(1, Draw::kIid))) - overlap_of(p, q), 0,
      1e-6));
  add_table(registries, checks);
  for (const double c : {.05, .2, .5}) {
    const auto from = break_even({.length = 1, .c = c, .v = 1, .o = 0});
    checks.push_back(equals({cat("acceptance from which one drafted token pays: c ", c), "corollary 3.9"},
                            from.value_or(kNotMeasured), c, 1e-9));
    checks.push_back(
        at_most({cat("best gamma where alpha is not above c: c ", c), "corollary 3.9"}, best_length(c, c), 0));
    checks.push_back(
        at_least({cat("best gamma where alpha is above c: c ", c), "corollary 3.9"}, best_length(c + .01, c), 1));
  }
  return checks;
}

const std::vector<int> kLengths = {1, 2, 4, 6};

struct Predicted {
  int length;
  double theory, measured;  // speed-up
};

// What theorem 3.8 says of an arm, with the acceptance and the costs that its own run measured.
double prediction(const PaperRuns& runs, const std::string& config, const std::string& arm, int length) {
  const auto of = [&](const char* metric) { return runs.value(config, arm, metric); };
  return predicted_speedup(
      {.length = static_cast<double>(length), .c = of("cost_c"), .v = of("cost_v"), .o = of("cost_o")}, of("alpha"));
}

PaperChecks on_runs(const PaperRuns& runs) {
  PaperChecks checks;
  for (const std::string config : {"greedy", "sampled"}) {
    Predicted by_theory{0, 0, 0}, by_clock{0, 0, 0};
    double fastest = 0;
    for (const int length : kLengths) {
      const std::string arm = cat("gamma-", length), place = cat(" (", config, ", gamma ", length, ")");
      const double alpha = runs.value(config, arm, "alpha"), tau = runs.value(config, arm, "tau");
      checks.push_back(equals({cat("tokens a round over equation 1 of the measured alpha", place), "equation 1"},
                              tau / expected_tokens(alpha, length), 1, .08));
      const Estimate& speedup = runs.at(config, arm, "speedup_decode");
      const double theory = prediction(runs, config, arm, length);
      checks.push_back(not_binding({.claim = cat("speed-up predicted from measured alpha, c, v and o", place,
                                                 "; measured ", std::round(speedup.value * 100) / 100, ", off by ",
                                                 std::round((theory / speedup.value - 1) * 100), " %"),
                                    .source = "theorem 3.8",
                                    .got = theory,
                                    .low = speedup.interval.low,
                                    .high = speedup.interval.high}));
      if (theory > by_theory.theory) by_theory = {length, theory, speedup.value};
      if (speedup.value > by_clock.measured) by_clock = {length, theory, speedup.value};
      fastest = std::max(fastest, speedup.value);
    }
    checks.push_back(not_binding(at_least({cat("speed at the gamma that theory calls best (", by_theory.length,
                                               ") over that at the fastest (", by_clock.length, ") (", config, ")"),
                                           "section 3.5"},
                                          by_theory.measured / fastest, .95)));
  }
  return checks;
}

}  // namespace

Paper leviathan2023() {
  return {.name = "leviathan2023",
          .reference = "Leviathan et al. 2023, arXiv 2211.17192",
          .claim =
              "The ratio test keeps the target's law; alpha, gamma and the costs of passes predict tokens a round and "
              "speed.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
