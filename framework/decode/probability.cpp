#include "framework/decode/probability.h"

#include <algorithm>
#include <limits>

#include "framework/core/error.h"
#include "framework/decode/sampler.h"

namespace specula {
namespace {

constexpr int64_t kBlock = 64;

// Eight partial sums: fixed order, and the compiler keeps them in vectors.
template <class Number>
double block_sum(const Number* p, int64_t n) {
  double lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; ++j) lanes[j] += p[i + j];
  }
  for (; i < n; ++i) lanes[i & 7] += p[i];
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

template <class Number>
double sum_of_blocks(const Number* p, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i += kBlock) sum += block_sum(p + i, std::min(kBlock, n - i));
  return sum;
}

// Whole blocks are skipped by their sum; inside a block the walk is one by one.
template <class Number>
Token inverse_cdf(const Number* p, int64_t n, double u) {
  const double goal = u * sum_of_blocks(p, n);
  double before = 0;
  Token last = -1;
  for (int64_t i = 0; i < n; i += kBlock) {
    const int64_t size = std::min(kBlock, n - i);
    const double block = block_sum(p + i, size);
    if (before + block > goal) {
      double cdf = before;
      for (int64_t j = i; j < i + size; ++j) {
        if (!(p[j] > 0)) continue;
        last = static_cast<Token>(j);
        cdf += p[j];
        if (cdf > goal) return last;
      }
    } else if (block > 0) {
      for (int64_t j = i; j < i + size; ++j) {
        if (p[j] > 0) last = static_cast<Token>(j);
      }
    }
    before += block;
  }
  // Rounding may leave the goal a hair above the last step of the walk: the last token with mass is meant.
  SPECULA_CHECK(last >= 0, "a draw from ", n, " tokens without mass");
  return last;
}

}  // namespace

double total(const float* p, int64_t n) { return sum_of_blocks(p, n); }
double total(const double* p, int64_t n) { return sum_of_blocks(p, n); }

Token pick(const float* p, int64_t vocab, double u) { return inverse_cdf(p, vocab, u); }

void Residual::touch() {
  if (mass_.empty()) mass_.assign(p_, p_ + vocab_);
}

void Residual::normalise_or_restore(std::vector<double>&& next) {
  const double sum = total(next.data(), vocab_);
  if (!(sum > 0)) return;
  const double scale = 1 / sum;
  for (double& m : next) m *= scale;
  mass_ = std::move(next);
}

void Residual::subtract(const float* q, double scale, const std::vector<Token>& without) {
  touch();
  std::vector<double> next(static_cast<size_t>(vocab_));
  for (int64_t x = 0; x < vocab_; ++x) next[x] = std::max(mass_[x] - scale * q[x], 0.0);
  for (const Token x : without) next[x] = mass_[x];
  normalise_or_restore(std::move(next));
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
