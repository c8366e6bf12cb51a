#include "samplers/watermark.h"

#include <cmath>
#include <functional>

#include "framework/decode/logit_rows.h"

namespace specula {
namespace {

struct Options {
  double delta = 2.0;
  WatermarkKey key;
  template <class V>
  void visit(V& v) {
    v("delta", delta, 0.0, 100.0, "what is added to the logits of green tokens; 0 changes nothing");
    v("gamma", key.gamma, 0.001, 0.999, "share of the vocabulary that is green");
    v("context", key.context, 1, 64, "tokens before that decide which tokens are green", "tokens");
    v("key", key.key, 0, kMaxInteger, "number that hides the lists");
  }
};

// The green tokens after some text.
class GreenList {
 public:
  GreenList(const WatermarkKey& key, std::span<const Token> last)
      : bound_(static_cast<uint64_t>(std::llround(key.gamma * 0x1p32))) {
    const auto wide = static_cast<uint64_t>(key.key);
    key_ = {static_cast<uint32_t>(wide), static_cast<uint32_t>(wide >> 32)};
    for (const Token t : last) {
      const PhiloxCounter mixed = philox4x32_10({static_cast<uint32_t>(t), kLabel, 0, 0}, key_);
      key_ = {mixed[0], mixed[1]};
    }
  }

  void each_green(Token vocab, const std::function<void(Token token)>& see) const {
    for (Token first = 0; first < vocab; first += 4) {
      const PhiloxCounter four = numbers_of(first);
      for (Token t = first; t < std::min(first + 4, vocab); ++t) {
        if (four[static_cast<size_t>(t - first)] < bound_) see(t);
      }
    }
  }
  bool is_green(Token t) const { return numbers_of(t - t % 4)[static_cast<size_t>(t % 4)] < bound_; }

 private:
  static constexpr uint32_t kLabel = 0x77617465;  // "wate"
  PhiloxCounter numbers_of(Token first) const { return philox4x32_10({static_cast<uint32_t>(first), 0, 0, 0}, key_); }

  uint64_t bound_;
  PhiloxKey key_;
};

class Watermark final : public LogitsProcessor {
 public:
  explicit Watermark(const Options& options) : options_(options) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    const auto delta = static_cast<float>(options_.delta);
    const auto length = static_cast<size_t>(options_.key.context);
    each_row(logits, [&](float* x, int64_t vocab, size_t j) {
      const std::vector<Token> text = text_of(context, j).whole();
      if (text.size() < length) return;
      const GreenList green(options_.key, std::span(text).last(length));
      green.each_green(static_cast<Token>(vocab), [&](Token t) { x[t] += delta; });
    });
  }

 private:
  Options options_;
};

}  // namespace

WatermarkScore watermark_score(const WatermarkKey& key, const std::vector<Token>& text) {
  WatermarkScore score;
  const auto length = static_cast<size_t>(key.context);
  for (size_t i = length; i < text.size(); ++i) {
    ++score.tokens;
    score.green += GreenList(key, std::span(text).subspan(i - length, length)).is_green(text[i]) ? 1 : 0;
  }
  const auto n = static_cast<double>(score.tokens);
  if (n > 0) score.z = (static_cast<double>(score.green) - key.gamma * n) / std::sqrt(n * key.gamma * (1 - key.gamma));
  return score;
}

Registry<LogitsProcessor>::Entry watermark() {
  return sampler_entry<Watermark, Options>(
      "watermark", "Makes a secret share of the tokens more likely, which a detector finds again.",
      "Kirchenbauer et al. 2023", "the paper, with a hash for each token",
      [](const Options& options) { return Facts{.neutral = options.delta == 0, .reads = Reads::kText}; });
}

}  // namespace specula
