#include "samplers/top_p.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "framework/decode/probability.h"

namespace specula {
namespace {

struct Options {
  double p = 0.9;
  template <class V>
  void visit(V& v) {
    v("p", p, 0.0, 1.0, "mass that the kept tokens reach; 0 keeps one token, 1 keeps all");
  }
};

class TopP final : public LogitsProcessor {
 public:
  explicit TopP(Options options) : p_(options.p) {}

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    if (p_ >= 1) return;
    float* x = logits.mutable_data_ptr<float>();
    const int64_t vocab = logits.size(1);
    for (int64_t row = 0; row < logits.size(0); ++row) keep_nucleus(x + row * vocab, vocab);
  }

 private:
  // Sorts only as many of the most likely tokens as the nucleus needs: 64, then four times as many, and so on.
  void keep_nucleus(float* x, int64_t vocab) const {
    std::vector<float> mass(x, x + vocab);
    softmax(mass.data(), vocab, mass.data());
    std::vector<Token> ids(static_cast<size_t>(vocab));
    for (int64_t i = 0; i < vocab; ++i) ids[i] = static_cast<Token>(i);
    const auto more_likely = [&mass](Token a, Token b) { return mass[a] != mass[b] ? mass[a] > mass[b] : a < b; };
    double reached = 0;
    int64_t kept = 0;
    for (int64_t sorted = 0, next = std::min<int64_t>(64, vocab); sorted < vocab && reached < p_;
         next = std::min(next * 4, vocab)) {
      if (next < vocab) std::nth_element(ids.begin() + sorted, ids.begin() + next, ids.end(), more_likely);
      std::sort(ids.begin() + sorted, ids.begin() + next, more_likely);
      for (kept = sorted; kept < next && reached < p_; ++kept) reached += mass[ids[kept]];
      sorted = next;
    }
    kept = std::max<int64_t>(kept, 1);
    if (p_ == 0) std::iter_swap(ids.begin(), std::min_element(ids.begin(), ids.end(), more_likely));
    std::vector<float> nucleus;
    for (int64_t i = 0; i < kept; ++i) nucleus.push_back(x[ids[i]]);
    std::fill(x, x + vocab, -std::numeric_limits<float>::infinity());
    for (int64_t i = 0; i < kept; ++i) x[ids[i]] = nucleus[i];
  }

  double p_;
};

}  // namespace

Registry<LogitsProcessor>::Entry top_p() {
  return sampler_entry<TopP, Options>("top_p", "Keeps the smallest set of most likely tokens that reaches mass p.",
                                      "Holtzman et al. 2020", [](const Options&) { return Facts{}; });
}

}  // namespace specula
