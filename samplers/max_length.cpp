#include "samplers/max_length.h"

#include <algorithm>

#include "framework/decode/logit_rows.h"

namespace specula {
namespace {

struct Options {
  int64_t length = 128;
  template <class V>
  void visit(V& v) {
    v("length", length, 1, kMaxInteger, "generated tokens, the last of which is a stop token", "tokens");
  }
};

class MaxLength final : public LogitsProcessor {
 public:
  explicit MaxLength(Options options) : length_(options.length) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    if (context.stop.empty()) return;
    each_row(logits, [&](float* x, int64_t vocab, size_t j) {
      if (position_after(context, j) - context.prompt != length_ - 1) return;
      std::fill(x, x + vocab, kRemoved);
      for (const Token t : context.stop) x[t] = 0;
    });
  }

 private:
  int64_t length_;
};

}  // namespace

Registry<LogitsProcessor>::Entry max_length() {
  return sampler_entry<MaxLength, Options>(
      "max_length", "Leaves only the stop tokens for the last of so many generated tokens.", "",
      "transformers (forced_eos_token_id)",
      [](const Options&) { return Facts{.reads = Reads::kGenerated, .removes = true}; });
}

}  // namespace specula
