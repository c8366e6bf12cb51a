#include "samplers/eta.h"

#include <algorithm>
#include <cmath>
#include "framework/decode/logit_rows.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

struct Options {
  double epsilon = 0.0009;
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon, 0.0, 1.0, "probability that bounds the cut from above; 0 keeps all");
  }
};

class Eta final : public LogitsProcessor {
 public:
  explicit Eta(Options options) : epsilon_(options.epsilon) {}

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    each_row(logits, [this](float* x, int64_t vocab, size_t /*j*/) {
      std::vector<float> mass(static_cast<size_t>(vocab));
      softmax(x, vocab, mass.data());
      remove_rare(x, mass, std::min(epsilon_, std::sqrt(epsilon_) * std::exp(-entropy_of(mass.data(), vocab))));
    });
  }

 private:
  double epsilon_;
};

}  // namespace

Registry<LogitsProcessor>::Entry eta() {
  return sampler_entry<Eta, Options>(
      "eta", "Keeps the tokens of at least a probability that falls with the entropy, and the most likely one.",
      "Hewitt et al. 2022", "transformers",
      [](const Options& options) { return Facts{.neutral = options.epsilon == 0, .removes = true}; });
}

}  // namespace specula
