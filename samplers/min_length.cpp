#include "samplers/min_length.h"

#include "framework/decode/logit_rows.h"

namespace specula {
namespace {

struct Options {
  int64_t length = 16;
  template <class V>
  void visit(V& v) {
    v("length", length, 0, kMaxInteger, "tokens that are generated before a stop token may be", "tokens");
  }
};

class MinLength final : public LogitsProcessor {
 public:
  explicit MinLength(Options options) : length_(options.length) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    each_row(logits, [&](float* x, int64_t vocab, size_t j) {
      if (position_after(context, j) - context.prompt < length_) remove_tokens(x, vocab, context.stop);
    });
  }

 private:
  int64_t length_;
};

}  // namespace

Registry<LogitsProcessor>::Entry min_length() {
  return sampler_entry<MinLength, Options>(
      "min_length", "Removes the stop tokens until so many tokens were generated.", "", "transformers (min_new_tokens)",
      [](const Options& options) {
        return Facts{.neutral = options.length == 0, .reads = Reads::kGenerated, .removes = true};
      });
}

}  // namespace specula
