#include "samplers/presence_penalty.h"

#include "samplers/counted_penalty.h"

namespace specula {
namespace {

class PresencePenalty final : public LogitsProcessor {
 public:
  explicit PresencePenalty(const CountedPenalty& options) : options_(options) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    const auto penalty = static_cast<float>(options_.penalty);
    TokenCounts counts = options_.counts(context, logits.size(1));
    each_row(logits, [&](float* x, int64_t /*vocab*/, size_t j) {
      counts.of_row(j, [&](Token t, int /*count*/) { x[t] -= penalty; });
    });
  }

 private:
  CountedPenalty options_;
};

}  // namespace

Registry<LogitsProcessor>::Entry presence_penalty() {
  return sampler_entry<PresencePenalty, CountedPenalty>(
      "presence_penalty", "Lowers the logit of a token by the penalty where it occurred at all.", "",
      "OpenAI; llama.cpp with prompt and last_n", [](const CountedPenalty& options) { return options.facts(); });
}

}  // namespace specula
