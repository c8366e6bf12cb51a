#include "samplers/top_p.h"

#include <algorithm>
#include <vector>

#include "framework/decode/logit_rows.h"
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
    each_row(logits, [this](float* x, int64_t vocab, size_t /*j*/) { keep_nucleus(x, vocab); });
  }

 private:
  // Sorts only tokens that can matter: those above a floor, which is lowered until they reach the mass.
  void keep_nucleus(float* x, int64_t vocab) const {
    std::vector<float> mass(static_cast<size_t>(vocab));
    softmax(x, vocab, mass.data());
    std::vector<Token> ids(static_cast<size_t>(vocab));
    size_t count = 0;
    double above = 0;
    for (float floor = max_logit(mass.data(), vocab) / 32;; floor = floor > 1e-30F ? floor / 32 : 0) {
      count = gather(mass, floor, ids, above);
      if (above >= p_ || floor == 0) break;
    }
    std::sort(ids.begin(), ids.begin() + static_cast<int64_t>(count),
              [&mass](Token a, Token b) { return mass[a] != mass[b] ? mass[a] > mass[b] : a < b; });
    std::vector<std::pair<Token, float>> nucleus;
    double reached = 0;
    for (size_t i = 0; i < count && (i == 0 || reached < p_); ++i) {
      nucleus.emplace_back(ids[i], x[ids[i]]);
      reached += mass[ids[i]];
    }
    std::fill(x, x + vocab, kRemoved);
    for (const auto& [id, logit] : nucleus) x[id] = logit;
  }

  // The tokens of at least `floor`, ascending: their number, and their mass in `above`.
  static size_t gather(const std::vector<float>& mass, float floor, std::vector<Token>& ids, double& above) {
    size_t count = 0;
    for (size_t i = 0; i < mass.size(); ++i) {  // without a branch: few pass, and unpredictably
      ids[count] = static_cast<Token>(i);
      count += mass[i] >= floor ? 1 : 0;
    }
    above = 0;
    for (size_t i = 0; i < count; ++i) above += mass[ids[i]];
    return count;
  }

  double p_;
};

}  // namespace

Registry<LogitsProcessor>::Entry top_p() {
  return sampler_entry<TopP, Options>(
      "top_p", "Keeps the smallest set of most likely tokens that reaches mass p.", "Holtzman et al. 2020",
      "transformers", [](const Options& options) { return Facts{.neutral = options.p >= 1, .removes = true}; });
}

}  // namespace specula
