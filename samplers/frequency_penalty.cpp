#include "samplers/frequency_penalty.h"

#include "samplers/counted_penalty.h"

namespace specula {
namespace {

class FrequencyPenalty final : public LogitsProcessor {
 public:
  explicit FrequencyPenalty(const CountedPenalty& options) : options_(options) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    const auto penalty = static_cast<float>(options_.penalty);
    TokenCounts counts = options_.counts(context, logits.size(1));
    each_row(logits, [&](float* x, int64_t /*vocab*/, size_t j) {
      counts.of_row(j, [&](Token t, int count) { x[t] -= penalty * static_cast<float>(count); });
    });
  }

 private:
  CountedPenalty options_;
};

}  // namespace

Registry<LogitsProcessor>::Entry frequency_penalty() {
  return sampler_entry<FrequencyPenalty, CountedPenalty>(
      "frequency_penalty", "Lowers the logit of a token by the penalty for each time that it occurred.", "",
      "OpenAI; llama.cpp with prompt and last_n", [](const CountedPenalty& options) { return options.facts(); });
}

}  // namespace specula
