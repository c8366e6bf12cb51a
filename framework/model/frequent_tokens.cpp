#include "framework/model/frequent_tokens.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <limits>

#include "framework/core/error.h"
#include "framework/model/spread_logits.h"

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
  Tensor narrow = pass.logits;  // [B,R,N], or [B,R,V] where nothing is saved
  if (!saves()) narrow = narrow.index_select(2, at::tensor(std::vector<int64_t>(tokens_.begin(), tokens_.end())));
  pass.logits = spread_logits(narrow, tokens_, vocab());
  return pass;
}

}  // namespace specula
