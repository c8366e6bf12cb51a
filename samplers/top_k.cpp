#include "samplers/top_k.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "framework/decode/logit_rows.h"

namespace specula {
namespace {

struct Options {
  int64_t k = 50;
  template <class V>
  void visit(V& v) {
    v("k", k, 1, kMaxInteger, "how many of the most likely tokens stay", "tokens");
  }
};

class TopK final : public LogitsProcessor {
 public:
  explicit TopK(Options options) : k_(options.k) {}

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    if (k_ >= logits.size(1)) return;
    std::vector<float> copy(static_cast<size_t>(logits.size(1)));
    each_row(logits, [&](float* x, int64_t vocab, size_t /*j*/) {
      std::copy(x, x + vocab, copy.begin());
      std::nth_element(copy.begin(), copy.begin() + (k_ - 1), copy.end(), std::greater<>());
      remove_below(x, vocab, copy[static_cast<size_t>(k_ - 1)]);
    });
  }

 private:
  int64_t k_;
};

}  // namespace

Registry<LogitsProcessor>::Entry top_k() {
  return sampler_entry<TopK, Options>("top_k", "Keeps the k most likely tokens.", "Fan et al. 2018", "transformers",
                                      [](const Options&) { return Facts{.removes = true}; });
}

}  // namespace specula
