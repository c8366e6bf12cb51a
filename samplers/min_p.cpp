#include "samplers/min_p.h"

#include <cmath>

#include "framework/decode/logit_rows.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

struct Options {
  double p = 0.05;
  template <class V>
  void visit(V& v) {
    v("p", p, 0.0, 1.0, "least probability that stays, as a share of the most likely token's");
  }
};

class MinP final : public LogitsProcessor {
 public:
  explicit MinP(Options options) : log_share_(static_cast<float>(std::log(options.p))) {}

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    each_row(logits, [this](float* x, int64_t vocab, size_t /*j*/) {
      remove_below(x, vocab, max_logit(x, vocab) + log_share_);  // p(x) >= share * p(max), in logits
    });
  }

 private:
  float log_share_;  // -infinity for p = 0: everything stays
};

}  // namespace

Registry<LogitsProcessor>::Entry min_p() {
  return sampler_entry<MinP, Options>("min_p", "Keeps the tokens at least p times as likely as the most likely one.",
                                      "Nguyen et al. 2024", "transformers, llama.cpp", [](const Options& options) {
                                        return Facts{.neutral = options.p == 0, .removes = true};
                                      });
}

}  // namespace specula
