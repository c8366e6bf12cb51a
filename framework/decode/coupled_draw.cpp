#include "framework/decode/coupled_draw.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "framework/core/error.h"
#include "framework/decode/race.h"

namespace specula {

namespace {

// The definition: when the token arrives.
double arrival(const float* p, int64_t x, const Keyring& keys, const RaceNoise& noise) {
  const double u = keys.uniform(Use::kCoupled, noise.request, noise.position, static_cast<uint32_t>(x));
  return -std::log1p(-u) / static_cast<double>(p[x]);
}

int64_t next_with_mass(const float* p, int64_t from, int64_t vocab) {
  return std::find_if(p + from, p + vocab, [](float mass) { return mass > 0; }) - p;
}

}  // namespace

Token coupled_draw(const float* p, int64_t vocab, const Keyring& keys, int64_t request, int64_t position) {
  const RaceNoise noise{.key = keys.key(Use::kCoupled), .request = request, .position = position};
  Token first = -1;
  double least = std::numeric_limits<double>::infinity();
  const auto next = [&](int64_t from) {  // a tap must see, and may replace, every draw
    return keys.is_tapped() ? next_with_mass(p, from, vocab) : next_contender(p, from, vocab, noise, least);
  };
  for (int64_t x = next(0); x < vocab; x = next(x + 1)) {
    const double time = arrival(p, x, keys, noise);
    if (first >= 0 && time >= least) continue;
    first = static_cast<Token>(x);
    least = time;
  }
  SPECULA_CHECK(first >= 0, "a race of ", vocab, " tokens without mass");
  return first;
}

namespace {

// M(w) = sum of max(q, p w), walked along its corners, the w at which a term turns from q to p w.
class Slopes {
 public:
  Slopes(const float* p, const float* q, int64_t vocab, double low, double high) {
    for (int64_t z = 0; z < vocab; ++z) {
      const double corner = p[z] > 0 ? static_cast<double>(q[z]) / p[z] : std::numeric_limits<double>::infinity();
      if (corner <= low) {
        slope_ += p[z];
      } else {
        level_ += q[z];
        if (corner < high) corners_.emplace_back(corner, z);
      }
    }
    std::sort(corners_.begin(), corners_.end());
    at_ = low;
    for (const auto& [corner, z] : corners_) {
      go_to(corner);
      slope_ += p[z];
      level_ -= q[z];
    }
    go_to(high);
  }
  double integral = 0;  // of 1/M^2 from low to high

 private:
  void go_to(double w) {  // on a straight piece the integral is (w - at) / (M(at) M(w)); at infinity 1 / (M(at) slope)
    const double here = level_ + slope_ * at_;
    integral += std::isinf(w) ? 1 / (here * slope_) : (w - at_) / (here * (level_ + slope_ * w));
    at_ = w;
  }

  double slope_ = 0, level_ = 0, at_ = 0;
  std::vector<std::pair<double, int64_t>> corners_;
};

}  // namespace

double coupled_probability(const float* p, const float* q, int64_t vocab, Token x, Token y) {
  if (!(p[x] > 0) || !(q[y] > 0)) return 0;
  const double px = p[x], qy = q[y];
  if (x == y) {
    double sum = 0;
    for (int64_t z = 0; z < vocab; ++z) sum += std::max(p[z] / px, q[z] / qy);
    return 1 / sum;
  }
  const double low = q[x] / px, high = p[y] > 0 ? qy / p[y] : std::numeric_limits<double>::infinity();
  return low < high ? qy * px * Slopes(p, q, vocab, low, high).integral : 0;
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
