#include "samplers/temperature.h"

#include <algorithm>

namespace specula {
namespace {

struct Options {
  double temperature = 1.0;
  template <class V>
  void visit(V& v) {
    v("temperature", temperature, 0.0, 100.0, "logits are divided by it; 0 takes the most likely token");
  }
};

class Temperature final : public LogitsProcessor {
 public:
  explicit Temperature(Options options) : temperature_(options.temperature) {}

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    float* x = logits.mutable_data_ptr<float>();
    const auto factor = static_cast<float>(1 / temperature_);
    std::transform(x, x + logits.numel(), x, [factor](float v) { return v * factor; });
  }

  bool is_greedy() const override { return temperature_ == 0; }

 private:
  double temperature_;
};

}  // namespace

Registry<LogitsProcessor>::Entry temperature() {
  return sampler_entry<Temperature, Options>("temperature",
                                             "Divides the logits by T; T = 0 keeps the most likely token only.", "",
                                             "transformers, llama.cpp", [](const Options& options) {
                                               return Facts{.neutral = options.temperature == 1,
                                                            .removes = options.temperature == 0,
                                                            .one_hot = options.temperature == 0};
                                             });
}

}  // namespace specula
