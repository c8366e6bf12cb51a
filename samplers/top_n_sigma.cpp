#include "samplers/top_n_sigma.h"

#include <cmath>

#include "framework/decode/logit_rows.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

struct Options {
  double n = 1.0;
  template <class V>
  void visit(V& v) {
    v("n", n, 0.0, 1000.0, "standard deviations below the largest logit that stay; 0 changes nothing");
  }
};

double deviation(const float* x, int64_t vocab) {
  double sum = 0, squares = 0;
  int64_t count = 0;
  const double shift = max_logit(x, vocab);  // so that squares do not cancel
  for (int64_t i = 0; i < vocab; ++i) {
    if (x[i] == kRemoved) continue;
    const double v = x[i] - shift;
    sum += v;
    squares += v * v;
    ++count;
  }
  const double mean = sum / static_cast<double>(count);
  return std::sqrt(std::max(squares / static_cast<double>(count) - mean * mean, 0.0));
}

class TopNSigma final : public LogitsProcessor {
 public:
  explicit TopNSigma(Options options) : n_(options.n) {}

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    each_row(logits, [this](float* x, int64_t vocab, size_t /*j*/) {
      remove_below(x, vocab, static_cast<float>(max_logit(x, vocab) - n_ * deviation(x, vocab)));
    });
  }

 private:
  double n_;
};

}  // namespace

Registry<LogitsProcessor>::Entry top_n_sigma() {
  return sampler_entry<TopNSigma, Options>(
      "top_n_sigma", "Keeps the tokens at most n standard deviations of the logits below the largest.",
      "Tang et al. 2024", "llama.cpp",
      [](const Options& options) { return Facts{.neutral = options.n == 0, .removes = true}; });
}

}  // namespace specula
