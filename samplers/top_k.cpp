#include "samplers/top_k.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

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
    float* x = logits.mutable_data_ptr<float>();
    const int64_t vocab = logits.size(1);
    if (k_ >= vocab) return;
    std::vector<float> copy(static_cast<size_t>(vocab));
    for (int64_t row = 0; row < logits.size(0); ++row, x += vocab) {
      std::copy(x, x + vocab, copy.begin());
      std::nth_element(copy.begin(), copy.begin() + (k_ - 1), copy.end(), std::greater<>());
      const float least = copy[static_cast<size_t>(k_ - 1)];
      std::replace_if(
          x, x + vocab, [least](float v) { return v < least; }, -std::numeric_limits<float>::infinity());
    }
  }

 private:
  int64_t k_;
};

}  // namespace

Registry<LogitsProcessor>::Entry top_k() {
  return sampler_entry<TopK, Options>("top_k", "Keeps the k most likely tokens.", "Fan et al. 2018",
                                      [](const Options&) { return Facts{}; });
}

}  // namespace specula
