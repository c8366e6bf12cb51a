// Arithmetic on rows of probabilities and logits: what samplers, drafters and verifiers share.  Vectorised where V
// matters; sums over V in double; nothing sorts V elements.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/token.h"

namespace specula {

// Logits, all [n] float32.  Sound: no NaN, no +infinity, at least one finite value.
float max_logit(const float* logits, int64_t n);         // NaN where they are not sound
Token first_of(const float* x, int64_t n, float value);  // the lowest index that holds it; n if none does
// p <- exp(x - max) / sum; -infinity gives exactly 0.  `p` may be `logits`.  False where they are not sound, with p
// untouched.
bool softmax(const float* logits, int64_t n, float* p);

// Probabilities, all >= 0.
double total(const float* p, int64_t n);
double total(const double* p, int64_t n);
void subtract(const double* p, const float* q, double scale, int64_t n, double* left);  // left <- (p - scale q)+
double excess(const float* p, const float* q, double scale, int64_t n);                 // sum of (p - scale q)+
double entropy_of(const float* p, int64_t n);                                           // -sum of p ln p, in nats
double overlap(const float* p, const float* q, double scale, int64_t n);  // sum of min(scale p, q); 1 - TV(p,q) at 1

// What is left of the target after a rejection, in double: starts as p, loses q's mass step by step, stays normalised.
class Residual {
 public:
  Residual(const float* p, int64_t vocab) : p_(p), vocab_(vocab) {}
  int64_t vocab() const { return vocab_; }
  double at(Token x) const { return mass_.empty() ? p_[x] : mass_[x]; }
  bool untouched() const { return mass_.empty(); }
  // P <- norm((P - q)+), with q [V] scaled by `scale` and zero at the tokens in `without`.  Returns the mass that was
  // left before it was normalised; if that is 0 numerically, P stays.
  double subtract(const float* q, double scale, const std::vector<Token>& without);
  // P(x) <- 0, renormalised: what rejecting a point leaves.  If nothing else has mass P stays.
  void remove(Token x);
  // P <- norm(mass), [V] >= 0.  If nothing has mass P stays.
  void replace(std::vector<double>&& mass);
  Token draw(double u) const;  // inverse CDF

 private:
  void touch();
  double normalise_or_restore(std::vector<double>&& next);
  const float* p_;
  int64_t vocab_;
  std::vector<double> mass_;  // empty until something was rejected
};

}  // namespace specula
