#include "samplers/typical_p.h"

#include <cmath>

#include "framework/decode/logit_rows.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

struct Options {
  double p = 0.9;
  template <class V>
  void visit(V& v) {
    v("p", p, 0.0, 1.0, "mass that the kept tokens reach; 1 keeps all");
  }
};

class TypicalP final : public LogitsProcessor {
 public:
  explicit TypicalP(Options options) : p_(options.p) {}

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    each_row(logits, [this](float* x, int64_t vocab, size_t /*j*/) { keep_typical(x, vocab); });
  }

 private:
  void keep_typical(float* x, int64_t vocab) const {
    std::vector<float> mass(static_cast<size_t>(vocab));
    softmax(x, vocab, mass.data());
    const double entropy = entropy_of(mass.data(), vocab);
    // -ln p(x) is this less the logit, also where p(x) is too small for a float.
    const double log_sum = max_logit(x, vocab) - std::log(static_cast<double>(max_logit(mass.data(), vocab)));
    std::vector<float> far(static_cast<size_t>(vocab));
    std::vector<Weighted> entries;
    entries.reserve(static_cast<size_t>(vocab));
    for (int64_t i = 0; i < vocab; ++i) {
      far[i] = static_cast<float>(std::abs(log_sum - x[i] - entropy));
      if (mass[i] > 0) entries.push_back({.value = far[i], .weight = mass[i]});
    }
    const float most = weighted_quantile(entries, p_);
    for (int64_t i = 0; i < vocab; ++i) {
      if (far[i] > most) x[i] = kRemoved;
    }
  }

  double p_;
};

}  // namespace

Registry<LogitsProcessor>::Entry typical_p() {
  return sampler_entry<TypicalP, Options>(
      "typical_p", "Keeps the tokens whose surprise is nearest to the row's entropy, until they reach mass p.",
      "Meister et al. 2023", "transformers",
      [](const Options& options) { return Facts{.neutral = options.p >= 1, .removes = true}; });
}

}  // namespace specula
