#include "samplers/logit_bias.h"

#include <cmath>
#include <limits>

#include "framework/decode/logit_rows.h"
#include "samplers/token_choice.h"

namespace specula {
namespace {

struct Options {
  TokenChoice choice;
  std::vector<double> bias{0};
  template <class V>
  void visit(V& v) {
    choice.visit(v);
    v("bias", bias, -std::numeric_limits<double>::infinity(), 1000.0,
      "what is added to the logits: one number for all, or one for each of tokens and then of texts; -inf removes");
  }
};

class LogitBias final : public LogitsProcessor {
 public:
  LogitBias(const Options& options, const Parts& parts) {
    const auto chosen = options.choice.chosen("logit_bias", parts);
    for (size_t i = 0; i < chosen.size(); ++i) {
      const double bias = options.bias[options.bias.size() == 1 ? 0 : i];
      for (const Token t : chosen[i]) {
        if (std::isinf(bias)) {
          removed_.push_back(t);
        } else {
          added_.emplace_back(t, static_cast<float>(bias));
        }
      }
    }
  }

  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    each_row(logits, [this](float* x, int64_t vocab, size_t /*j*/) {
      for (const auto& [token, bias] : added_) {
        if (token < vocab) x[token] += bias;
      }
      remove_tokens(x, vocab, removed_);
    });
  }

 private:
  std::vector<std::pair<Token, float>> added_;
  std::vector<Token> removed_;
};

Facts facts_of(const Options& options) {
  options.choice.check("logit_bias");
  const size_t named = options.choice.tokens.size() + options.choice.texts.size();
  if (options.bias.size() != 1 && options.bias.size() != named) {
    throw ConfigError(
        cat("logit_bias: ", options.bias.size(), " numbers in bias for ", named, " tokens; expected one, or as many"));
  }
  return {.neutral = options.choice.is_empty(), .removes = true};
}

}  // namespace

Registry<LogitsProcessor>::Entry logit_bias() {
  return sampler_entry<LogitBias, Options>("logit_bias", "Adds a number to the logits of tokens that are named.", "",
                                           "llama.cpp, OpenAI",
                                           [](const Options& options) { return facts_of(options); });
}

}  // namespace specula
