// Draws by an exponential race: x = argmin E(x)/p(x) with E(x) ~ Exp(1) follows p, and two laws that race with the same
// noise agree with probability at least (1-TV)/(1+TV) (Daliri et al. 2025).  Draft and target race with the noise of
// their absolute position, so that the output does not depend on the draft.  Licence: Apache-2.0.
#pragma once

#include <cstdint>

#include "framework/core/keyring.h"
#include "framework/core/token.h"

namespace specula {

// p [V] >= 0, need not be normalised.  E(x) = -log(1 - u(x)), u(x) = uniform(kCoupled, request, position, x).  Never a
// token of zero mass; throws std::logic_error where no token has mass.
Token coupled_draw(const float* p, int64_t vocab, const Keyring& keys, int64_t request, int64_t position);

// P(the race of p gives x and that of q gives y) with the same noise, O(V log V).  With E(y)/q(y) = s and E(x)/p(x) = w
// s every other E(z) exceeds s max(q(z), p(z) w), so for x != y it is q(y) p(x) times the integral of 1/M(w)^2, M(w) =
// sum of max(q, p w), over the w between q(x)/p(x) and q(y)/p(y).
double coupled_probability(const float* p, const float* q, int64_t vocab, Token x, Token y);

// P(both races give x) = 1 / sum_y max(p(y)/p(x), q(y)/q(x)), for every x: [V] into `both`.  O(V log V).
void coupled_agreement(const float* p, const float* q, int64_t vocab, double* both);

}  // namespace specula
