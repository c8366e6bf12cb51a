#include "framework/decode/coupled_draw.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "framework/core/error.h"

namespace specula {

Token coupled_draw(const float* p, int64_t vocab, const Keyring& keys, int64_t request, int64_t position) {
  Token first = -1;
  double least = 0;
  for (int64_t x = 0; x < vocab; ++x) {
    if (!(p[x] > 0)) continue;
    const double u = keys.uniform(Use::kCoupled, request, position, static_cast<uint32_t>(x));
    const double arrival = -std::log1p(-u) / static_cast<double>(p[x]);
    if (first >= 0 && arrival >= least) continue;
    first = static_cast<Token>(x);
    least = arrival;
  }
  SPECULA_CHECK(first >= 0, "a race of ", vocab, " tokens without mass");
  return first;
}

// Tokens in ascending order of p/q: for y before x the maximum is q(y)/q(x), from x on it is p(y)/p(x).
void coupled_agreement(const float* p, const float* q, int64_t vocab, double* both) {
  std::vector<int64_t> order;  // without those that neither can draw: they have no place in it
  for (int64_t x = 0; x < vocab; ++x) {
    both[x] = 0;
    if (p[x] > 0 || q[x] > 0) order.push_back(x);
  }
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return static_cast<double>(p[a]) * static_cast<double>(q[b]) <
           static_cast<double>(p[b]) * static_cast<double>(q[a]);
  });
  double q_before = 0, p_from = std::accumulate(p, p + vocab, 0.0);
  for (const int64_t x : order) {
    if (p[x] > 0 && q[x] > 0) both[x] = 1 / (q_before / q[x] + std::max(p_from, static_cast<double>(p[x])) / p[x]);
    q_before += q[x];
    p_from -= p[x];
  }
}

}  // namespace specula
