#include "samplers/repetition_penalty.h"

#include <vector>

namespace specula {
namespace {

struct Options {
  double penalty = 1.1;
  template <class V>
  void visit(V& v) {
    v("penalty", penalty, 0.01, 100.0,
      "positive logits of earlier tokens are divided by it, negative ones multiplied; 1 changes nothing");
  }
};

class RepetitionPenalty final : public LogitsProcessor {
 public:
  explicit RepetitionPenalty(Options options) : penalty_(static_cast<float>(options.penalty)) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    float* x = logits.mutable_data_ptr<float>();
    const int64_t vocab = logits.size(1);
    std::vector<char> seen(static_cast<size_t>(vocab));
    std::vector<Token> common;
    for (const Token t : context.prefix) note(t, seen, common);
    for (size_t row = 0; row < context.rows.size(); ++row, x += vocab) {
      std::vector<Token> own;
      for (const Token t : context.tree.path_tokens(context.rows[row])) note(t, seen, own);
      for (const Token t : common) penalise(x[t]);
      for (const Token t : own) {
        penalise(x[t]);
        seen[t] = 0;  // the next row has another path
      }
    }
  }

 private:
  static void note(Token t, std::vector<char>& seen, std::vector<Token>& list) {
    if (seen[t] != 0) return;
    seen[t] = 1;
    list.push_back(t);
  }
  void penalise(float& logit) const { logit = logit > 0 ? logit / penalty_ : logit * penalty_; }

  float penalty_;
};

}  // namespace

Registry<LogitsProcessor>::Entry repetition_penalty() {
  return sampler_entry<RepetitionPenalty, Options>(
      "repetition_penalty", "Lowers the logits of tokens that occurred before on the row's own path.",
      "Keskar et al. 2019", [](const Options& options) { return Facts{.neutral = options.penalty == 1}; });
}

}  // namespace specula
