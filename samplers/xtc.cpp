#include "samplers/xtc.h"

#include "framework/decode/logit_rows.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

struct Options {
  double probability = 0.5, threshold = 0.1;
  template <class V>
  void visit(V& v) {
    v("probability", probability, 0.0, 1.0, "how often, of positions, tokens are removed");
    v("threshold", threshold, 0.0, 1.0, "probability from which a token is a top choice; above 0.5 nothing changes");
  }
};

class Xtc final : public LogitsProcessor {
 public:
  explicit Xtc(Options options) : options_(options) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    each_row(logits, [&](float* x, int64_t vocab, size_t j) {
      const double coin = context.keys.uniform(Use::kProcessor, context.request, position_after(context, j), 0);
      const bool is_applied = coin < options_.probability;
      context.keys.tell(is_applied ? 1 : 0);
      if (is_applied) exclude(x, vocab);
    });
  }

 private:
  void exclude(float* x, int64_t vocab) const {
    std::vector<float> mass(static_cast<size_t>(vocab));
    softmax(x, vocab, mass.data());
    std::vector<Token> top;
    Token last = -1;
    for (Token t = 0; t < vocab; ++t) {
      if (mass[t] < options_.threshold || x[t] == kRemoved) continue;
      top.push_back(t);
      if (last < 0 || x[t] <= x[last]) last = t;
    }
    for (const Token t : top) {
      if (t != last) x[t] = kRemoved;
    }
  }

  Options options_;
};

}  // namespace

Registry<LogitsProcessor>::Entry xtc() {
  return sampler_entry<Xtc, Options>(
      "xtc", "With some probability, removes all likely tokens but the least likely of them.", "p-e-w 2024",
      "llama.cpp", [](const Options& options) {
        return Facts{.neutral = options.probability == 0 || options.threshold > 0.5, .removes = true, .coins = true};
      });
}

}  // namespace specula
