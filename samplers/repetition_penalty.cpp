#include "samplers/repetition_penalty.h"

#include "framework/decode/logit_rows.h"
#include "framework/decode/token_counts.h"

namespace specula {
namespace {

struct Options {
  double penalty = 1.1;
  int64_t last_n = 0;
  template <class V>
  void visit(V& v) {
    v("penalty", penalty, 0.01, 100.0,
      "positive logits of earlier tokens are divided by it, negative ones multiplied; 1 changes nothing");
    v("last_n", last_n, 0, kMaxInteger, "how far back a token counts as earlier; 0 takes the whole text", "tokens");
  }
};

class RepetitionPenalty final : public LogitsProcessor {
 public:
  explicit RepetitionPenalty(Options options)
      : penalty_(static_cast<float>(options.penalty)), last_n_(options.last_n) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    TokenCounts counts(context, logits.size(1), TokenCounts::Of::kText, last_n_);
    each_row(logits, [&](float* x, int64_t /*vocab*/, size_t j) {
      counts.of_row(j, [&](Token t, int /*count*/) { x[t] = x[t] > 0 ? x[t] / penalty_ : x[t] * penalty_; });
    });
  }

 private:
  float penalty_;
  int64_t last_n_;
};

}  // namespace

Registry<LogitsProcessor>::Entry repetition_penalty() {
  return sampler_entry<RepetitionPenalty, Options>(
      "repetition_penalty", "Lowers the logits of tokens that occurred before on the row's own path.",
      "Keskar et al. 2019", "transformers; llama.cpp with last_n",
      [](const Options& options) { return Facts{.neutral = options.penalty == 1, .reads = Reads::kText}; });
}

}  // namespace specula
