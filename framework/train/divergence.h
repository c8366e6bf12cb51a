// How far a draft's distribution q lies from the target's p, as losses of a row whose gradients reach q.  All are 0 or
// smallest at q = p:
//   forward_kl  KL(p || q): q must cover p
//   reverse_kl  KL(q || p): q must not leave p
//   jsd         beta KL(p || m) + (1 - beta) KL(q || m) with m = beta p + (1 - beta) q (Agarwal et al. 2024)
//   tvd         sum |p - q| / 2: one less the probability that a drafted token is accepted (Zhou et al. 2024)
//   tvd++       the gradient of tvd as a policy gradient whose reward, 1 where p > q, is normalised over the rows that
//               are given together (Goel et al. 2024, "Direct alignment of draft model for speculative decoding"); its
//               value says nothing, and at q = p its gradient is 0
//   lk_alpha    -log alpha with alpha = sum min(p, q), the probability that a drafted token is accepted
//   lk_lambda   w forward_kl + (1 - w) tvd with w = exp(-3 alpha) of each row, which does not learn: it begins as
//               forward_kl, whose gradients reach tokens that q leaves out, and ends near tvd (both: Samarin et al.
//               2026, "LK losses: direct acceptance rate optimization for speculative decoding")
// Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/core/tensor.h"

namespace specula {

enum class Divergence { kForwardKl, kReverseKl, kJsd, kTvd, kTvdPlus, kLkAlpha, kLkLambda };
const std::vector<std::string>& divergence_names();
Divergence parse_divergence(const std::string& name);  // throws ConfigError

// p, q [R,V] logarithms of probabilities; p without gradients.  Summed over the rows; `beta` is jsd's.
Tensor divergence(Divergence which, const Tensor& log_p, const Tensor& log_q, double beta);

}  // namespace specula
