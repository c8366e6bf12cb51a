#include "framework/model/engine/routing.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace specula {

// The largest outputs, of equal ones those of lower number.  A NaN is chosen before every number, so that it is not
// lost.
void Routing::choose_row(const Experts& experts, const float* router, int64_t index) {
  order_.resize(static_cast<size_t>(experts.count));
  std::iota(order_.begin(), order_.end(), 0);
  const auto size_of = [&](int64_t e) { return std::isnan(router[e]) ? INFINITY : router[e]; };
  std::partial_sort(order_.begin(), order_.begin() + experts.top, order_.end(), [&](int64_t a, int64_t b) {
    return size_of(a) > size_of(b) || (size_of(a) == size_of(b) && a < b);
  });
  const float highest = size_of(order_.front());
  const auto chosen = expert_.begin() + index * experts.top;
  std::copy_n(order_.begin(), experts.top, chosen);
  std::sort(chosen, chosen + experts.top);
  float total = 0, kept = 0;
  for (int64_t e = 0; e < experts.count; ++e) total += std::exp(router[e] - highest);
  for (int64_t k = 0; k < experts.top; ++k) kept += std::exp(router[chosen[k]] - highest);
  for (int64_t k = 0; k < experts.top; ++k) {
    const float share = std::exp(router[chosen[k]] - highest) / (experts.renormalised ? kept : total);
    expert_weight_[static_cast<size_t>(index * experts.top + k)] = share;
  }
  shared[static_cast<size_t>(index)] = experts.shared_gate ? 1 / (1 + std::exp(-router[experts.count])) : 1;
}

void Routing::choose(const Experts& experts, const float* router, int64_t stride, int64_t rows) {
  const auto pairs = static_cast<size_t>(rows * experts.top);
  expert_.resize(pairs);
  expert_weight_.resize(pairs);
  row.resize(pairs);
  weight.resize(pairs);
  shared.resize(static_cast<size_t>(rows));
  for (int64_t m = 0; m < rows; ++m) choose_row(experts, router + m * stride, m);

  std::vector<int64_t> next(static_cast<size_t>(experts.count) + 1, 0);  // pairs of the experts before
  for (const int64_t expert : expert_) ++next[static_cast<size_t>(expert) + 1];
  groups.clear();
  for (size_t e = 0; e + 1 < next.size(); ++e) {
    if (next[e + 1] > 0) groups.push_back({.expert = e, .first = next[e], .count = next[e + 1]});
    next[e + 1] += next[e];
  }
  for (size_t i = 0; i < pairs; ++i) {
    const auto to = static_cast<size_t>(next[static_cast<size_t>(expert_[i])]++);
    row[to] = static_cast<int64_t>(i) / experts.top;
    weight[to] = expert_weight_[i];
  }
}

}  // namespace specula
