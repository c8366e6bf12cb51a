#include "framework/decode/token_counts.h"

#include <algorithm>

namespace specula {

TokenCounts::TokenCounts(const RowContext& context, int64_t vocab, Of of, int64_t window)
    : context_(context),
      window_(static_cast<size_t>(window)),
      counts_(static_cast<size_t>(vocab)),
      is_listed_(static_cast<size_t>(vocab)) {
  committed_ = context.prefix;
  if (of == Of::kGenerated) committed_ = committed_.subspan(static_cast<size_t>(context.prompt));
  if (window_ > 0) committed_ = committed_.last(std::min(window_, committed_.size()));
  for (const Token t : committed_) add(t, 1);
}

void TokenCounts::of_row(size_t j, const std::function<void(Token token, int count)>& see) {
  const std::vector<Token> path = context_.tree.path_tokens(context_.rows[j]);
  const size_t total = committed_.size() + path.size();
  const size_t dropped = window_ > 0 && total > window_ ? total - window_ : 0;
  const size_t of_committed = std::min(dropped, committed_.size());
  const auto shift = [&](int by) {
    for (size_t i = 0; i < of_committed; ++i) add(committed_[i], -by);
    for (size_t i = dropped - of_committed; i < path.size(); ++i) add(path[i], by);
  };
  shift(1);
  for (const Token t : listed_) {
    if (counts_[t] > 0) see(t, counts_[t]);
  }
  shift(-1);  // the next row has another path
}

void TokenCounts::add(Token token, int by) {
  counts_[token] += by;
  if (is_listed_[token] != 0) return;
  is_listed_[token] = 1;
  listed_.push_back(token);
}

}  // namespace specula
