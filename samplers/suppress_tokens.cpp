#include "samplers/suppress_tokens.h"

#include "framework/decode/logit_rows.h"
#include "samplers/token_choice.h"

namespace specula {
namespace {

class SuppressTokens final : public LogitsProcessor {
 public:
  SuppressTokens(const TokenChoice& options, const Parts& parts) {
    for (const auto& same : options.chosen("suppress_tokens", parts))
      tokens_.insert(tokens_.end(), same.begin(), same.end());
  }

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    each_row(logits, [this](float* x, int64_t vocab, size_t /*j*/) { remove_tokens(x, vocab, tokens_); });
  }

 private:
  std::vector<Token> tokens_;
};

}  // namespace

Registry<LogitsProcessor>::Entry suppress_tokens() {
  return sampler_entry<SuppressTokens, TokenChoice>("suppress_tokens", "Removes tokens that are named.", "",
                                                    "transformers", [](const TokenChoice& options) {
                                                      options.check("suppress_tokens");
                                                      return Facts{.neutral = options.is_empty(), .removes = true};
                                                    });
}

}  // namespace specula
