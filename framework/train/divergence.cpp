#include "framework/train/divergence.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

namespace specula {
namespace {

// sum a (log a - log b); where a is 0 the term is.
Tensor kl(const Tensor& log_a, const Tensor& log_b) {
  const Tensor a = log_a.exp();
  return at::where(a > 0, a * (log_a - log_b), at::zeros_like(a)).sum();
}

Tensor jsd(const Tensor& log_p, const Tensor& log_q, double beta) {
  const Tensor middle = at::logaddexp(log_p + std::log(beta), log_q + std::log(1 - beta));
  return kl(log_p, middle) * beta + kl(log_q, middle) * (1 - beta);
}

// [R] sum_x min(p, q).
Tensor overlap(const Tensor& log_p, const Tensor& log_q) { return at::minimum(log_p, log_q).exp().sum(-1); }

Tensor tvd(const Tensor& log_p, const Tensor& log_q) { return (log_p.exp() - log_q.exp()).abs() * 0.5; }

// alpha is above 0: logarithms of float32 probabilities underflow only where q has nothing that p has.
Tensor lk_alpha(const Tensor& log_p, const Tensor& log_q) {
  return -at::logsumexp(at::minimum(log_p, log_q), {1}).sum();
}

constexpr double kLkDecay = 3;  // eta of the paper

Tensor lk_lambda(const Tensor& log_p, const Tensor& log_q) {
  const Tensor p = log_p.exp(), w = (overlap(log_p, log_q).detach() * -kLkDecay).exp().unsqueeze(1);
  const Tensor covers = at::where(p > 0, p * (log_p - log_q), at::zeros_like(p));
  return (w * covers + (1 - w) * tvd(log_p, log_q)).sum();
}

// The gradient of sum_x -advantage(x) q(x), the advantage being the reward less its mean under q, by its deviation.
Tensor tvd_plus(const Tensor& log_p, const Tensor& log_q) {
  const Tensor q = log_q.exp(), fixed = q.detach();
  const Tensor reward = (log_p > log_q.detach()).to(q.scalar_type());
  const Tensor mean = (fixed * reward).sum() / fixed.sum();
  const Tensor deviation = (mean * (1 - mean)).sqrt();  // of a reward that is 0 or 1
  const Tensor advantage = at::where(deviation > 0, (reward - mean) / deviation, at::zeros_like(reward));
  return -(advantage * q).sum();
}

}  // namespace

const std::vector<std::string>& divergence_names() {
  static const std::vector<std::string> kNames = {"forward_kl", "reverse_kl", "jsd",      "tvd",
                                                  "tvd++",      "lk_alpha",   "lk_lambda"};
  return kNames;
}

Divergence parse_divergence(const std::string& name) {
  const std::vector<std::string>& names = divergence_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw ConfigError(cat("unknown loss '", name, "'", suggestion(name, names)));
  return static_cast<Divergence>(found - names.begin());
}

Tensor divergence(Divergence which, const Tensor& log_p, const Tensor& log_q, double beta) {
  Dims dims;
  dims.check(log_p, "log_p", "R V");
  dims.check(log_q, "log_q", "R V");
  switch (which) {
    case Divergence::kForwardKl:
      return kl(log_p, log_q);
    case Divergence::kReverseKl:
      return kl(log_q, log_p);
    case Divergence::kJsd:
      return jsd(log_p, log_q, beta);
    case Divergence::kTvd:
      return tvd(log_p, log_q).sum();
    case Divergence::kTvdPlus:
      return tvd_plus(log_p, log_q);
    case Divergence::kLkAlpha:
      return lk_alpha(log_p, log_q);
    case Divergence::kLkLambda:
      return lk_lambda(log_p, log_q);
  }
  SPECULA_CHECK(false, "divergence ", static_cast<int>(which));
}

}  // namespace specula
