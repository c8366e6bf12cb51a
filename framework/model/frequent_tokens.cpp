#include "framework/model/frequent_tokens.h"

#include <ATen/ops/full.h>

#include <algorithm>
#include <limits>

#include "framework/core/error.h"

namespace specula {
namespace {

void check_tokens(std::vector<Token> tokens, int64_t vocab) {
  SPECULA_CHECK(!tokens.empty(), "no frequent tokens");
  std::sort(tokens.begin(), tokens.end());
  SPECULA_CHECK(tokens.front() >= 0 && tokens.back() < vocab, "tokens ", tokens.front(), "..", tokens.back(), " of ",
                vocab);
  SPECULA_CHECK(std::adjacent_find(tokens.begin(), tokens.end()) == tokens.end(), "a frequent token is given twice");
}

}  // namespace

FrequentTokens::FrequentTokens(const LanguageModel& model, std::vector<Token> tokens)
    : WrappedModel(model), tokens_(std::move(tokens)) {
  check_tokens(tokens_, model.vocab());
  head_ = model.partial_head(tokens_);
}

Pass FrequentTokens::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  SPECULA_CHECK(ask.head == nullptr, "a partial head of a model that has one already");
  Ask own = ask;
  own.head = head_.get();
  Pass pass = model_.forward(rows, cache, own);
  if (!pass.logits.defined()) return pass;
  const Tensor narrow = pass.logits.contiguous();  // [B,R,N], or [B,R,V] where nothing is saved
  const int64_t width = narrow.size(2), lines = narrow.size(0) * narrow.size(1), wide = vocab();
  pass.logits = at::full({narrow.size(0), narrow.size(1), wide}, -std::numeric_limits<float>::infinity(), at::kFloat);
  const float* from = narrow.const_data_ptr<float>();
  float* to = pass.logits.mutable_data_ptr<float>();
  for (int64_t line = 0; line < lines; ++line, from += width, to += wide) {
    for (size_t i = 0; i < tokens_.size(); ++i) to[tokens_[i]] = from[saves() ? static_cast<Token>(i) : tokens_[i]];
  }
  return pass;
}

}  // namespace specula
