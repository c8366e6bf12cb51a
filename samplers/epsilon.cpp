#include "samplers/epsilon.h"

#include "framework/decode/logit_rows.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

struct Options {
  double epsilon = 0.0009;
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon, 0.0, 1.0, "least probability that stays; 0 keeps all");
  }
};

class Epsilon final : public LogitsProcessor {
 public:
  explicit Epsilon(Options options) : epsilon_(options.epsilon) {}

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    each_row(logits, [this](float* x, int64_t vocab, size_t /*j*/) {
      std::vector<float> mass(static_cast<size_t>(vocab));
      softmax(x, vocab, mass.data());
      remove_rare(x, mass, epsilon_);
    });
  }

 private:
  double epsilon_;
};

}  // namespace

Registry<LogitsProcessor>::Entry epsilon() {
  return sampler_entry<Epsilon, Options>(
      "epsilon", "Keeps the tokens of at least probability epsilon, and the most likely one.", "Hewitt et al. 2022",
      "transformers", [](const Options& options) { return Facts{.neutral = options.epsilon == 0, .removes = true}; });
}

}  // namespace specula
