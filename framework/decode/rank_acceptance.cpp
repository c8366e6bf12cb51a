#include "framework/decode/rank_acceptance.h"

#include <algorithm>
#include <cmath>

#include "framework/decode/probability.h"
#include "framework/decode/sampler.h"
#include "framework/decode/top_tokens.h"

namespace specula {

void RankAcceptance::add(size_t rank, double probability) {
  sum_[rank] += probability;
  square_[rank] += probability * probability;
}

void RankAcceptance::add(const float* p, const float* q, int64_t vocab,
                         const std::function<double(int rank)>& uniform) {
  ++positions_;
  Residual left(p, vocab);
  std::vector<float> rest(q, q + vocab);  // q without the siblings so far, not normalised
  const std::vector<Token> none;
  double reached = 1;
  for (size_t rank = 0; rank < sum_.size() && reached > 0; ++rank) {
    const double mass = total(rest.data(), vocab);
    if (!(mass > 0)) return;
    double both = 0;
    for (int64_t x = 0; x < vocab; ++x) {
      if (rest[static_cast<size_t>(x)] > 0)
        both += std::min(left.at(static_cast<Token>(x)), rest[static_cast<size_t>(x)] / mass);
    }
    add(rank, reached * both);
    const Token token = pick(rest.data(), vocab, uniform(static_cast<int>(rank)));
    reached *= 1 - std::min(1.0, left.at(token) * mass / rest[static_cast<size_t>(token)]);
    left.subtract(rest.data(), 1 / mass, none);
    rest[static_cast<size_t>(token)] = 0;
  }
}

void RankAcceptance::add_ranked(const float* p, const float* q, int64_t vocab) {
  ++positions_;
  std::vector<Token> top(std::min(sum_.size(), static_cast<size_t>(vocab)));
  top_tokens({q, static_cast<size_t>(vocab)}, top);
  for (size_t rank = 0; rank < top.size(); ++rank) {
    if (top[rank] >= 0) add(rank, p[top[rank]]);  // what earlier siblings left of p, times its share there
  }
}

std::vector<double> RankAcceptance::mean() const {
  std::vector<double> mean = sum_;
  for (double& m : mean) m /= std::max<double>(1, static_cast<double>(positions_));
  return mean;
}

std::vector<double> RankAcceptance::standard_error() const {
  std::vector<double> error = mean();
  const auto n = static_cast<double>(positions_);
  for (size_t r = 0; r < error.size(); ++r) {
    const double variance = n > 1 ? std::max(0.0, square_[r] / n - error[r] * error[r]) / (n - 1) : 0;
    error[r] = std::sqrt(variance);
  }
  return error;
}

}  // namespace specula
