#include "framework/decode/probability.h"

#include <algorithm>
#include <limits>

#include "framework/core/error.h"
#include "framework/decode/sampler.h"

namespace specula {
namespace {

constexpr int64_t kBlock = 256;

// Whole blocks are skipped by their sum; inside a block the walk is one by one.
template <class Number>
Token inverse_cdf(const Number* p, int64_t n, double u) {
  std::vector<double> blocks;  // their sums; the whole is what the walk adds up
  double whole = 0;
  for (int64_t i = 0; i < n; i += kBlock) {
    blocks.push_back(total(p + i, std::min(kBlock, n - i)));
    whole += blocks.back();
  }
  const double goal = u * whole;
  double cdf = 0;
  size_t b = 0;
  while (b + 1 < blocks.size() && cdf + blocks[b] <= goal) cdf += blocks[b++];
  const int64_t begin = static_cast<int64_t>(b) * kBlock, end = std::min(begin + kBlock, n);
  for (int64_t j = begin; j < end; ++j) {
    if (!(p[j] > 0)) continue;
    cdf += p[j];
    if (cdf > goal) return static_cast<Token>(j);
  }
  // Rounding may leave the goal a hair above the last step of the walk: the last token with mass is meant.
  for (int64_t j = end - 1; j >= 0; --j) {
    if (p[j] > 0) return static_cast<Token>(j);
  }
  SPECULA_CHECK(false, "a draw from ", n, " tokens without mass");
}

}  // namespace

Token pick(const float* p, int64_t vocab, double u) { return inverse_cdf(p, vocab, u); }

void Residual::touch() {
  if (mass_.empty()) mass_.assign(p_, p_ + vocab_);
}

double Residual::normalise_or_restore(std::vector<double>&& next) {
  const double sum = total(next.data(), vocab_);
  if (!(sum > 0)) return 0;
  const double scale = 1 / sum;
  for (double& m : next) m *= scale;
  mass_ = std::move(next);
  return sum;
}

double Residual::subtract(const float* q, double scale, const std::vector<Token>& without) {
  touch();
  std::vector<double> next(static_cast<size_t>(vocab_));
  specula::subtract(mass_.data(), q, scale, vocab_, next.data());
  for (const Token x : without) next[x] = mass_[x];
  return normalise_or_restore(std::move(next));
}

void Residual::replace(std::vector<double>&& mass) {
  touch();
  normalise_or_restore(std::move(mass));
}

void Residual::remove(Token x) {
  touch();
  std::vector<double> next = mass_;
  next[x] = 0;
  normalise_or_restore(std::move(next));
}

Token Residual::draw(double u) const {
  return mass_.empty() ? inverse_cdf(p_, vocab_, u) : inverse_cdf(mass_.data(), vocab_, u);
}

}  // namespace specula
