#include "samplers/no_repeat_ngram.h"

#include <algorithm>

#include "framework/decode/logit_rows.h"

namespace specula {
namespace {

struct Options {
  int64_t n = 3;
  template <class V>
  void visit(V& v) {
    v("n", n, 1, 1000000, "length of the n-grams that may not occur twice", "tokens");
  }
};

// The tokens that followed an earlier occurrence of the last n - 1 tokens.
std::vector<Token> completions(const std::vector<Token>& text, size_t n) {
  std::vector<Token> found;
  if (text.size() < n) return found;
  const auto last = text.end() - static_cast<ptrdiff_t>(n - 1);
  for (auto at = text.begin(); text.end() - at >= static_cast<ptrdiff_t>(n); ++at) {
    if (std::equal(last, text.end(), at)) found.push_back(at[static_cast<ptrdiff_t>(n - 1)]);
  }
  return found;
}

class NoRepeatNgram final : public LogitsProcessor {
 public:
  explicit NoRepeatNgram(Options options) : n_(static_cast<size_t>(options.n)) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    each_row(logits, [&](float* x, int64_t vocab, size_t j) {
      remove_tokens(x, vocab, completions(text_of(context, j).whole(), n_));
    });
  }

 private:
  size_t n_;
};

}  // namespace

Registry<LogitsProcessor>::Entry no_repeat_ngram() {
  return sampler_entry<NoRepeatNgram, Options>(
      "no_repeat_ngram", "Removes the tokens that would repeat an n-gram of the row's own path.", "Paulus et al. 2018",
      "transformers", [](const Options&) { return Facts{.reads = Reads::kText, .removes = true}; });
}

}  // namespace specula
