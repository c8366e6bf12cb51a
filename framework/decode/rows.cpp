#include "framework/decode/rows.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <numeric>

namespace specula {

RowList RowList::chain(std::span<const Token> tokens) {
  RowList list;
  list.token.assign(tokens.begin(), tokens.end());
  for (size_t i = 0; i < tokens.size(); ++i) list.parent.push_back(static_cast<int>(i) - 1);
  return list;
}

Rows make_rows(const std::vector<RowList>& lists) {
  size_t longest = 0;
  for (const RowList& list : lists) longest = std::max(longest, list.token.size());
  const auto batch = static_cast<int64_t>(lists.size()), width = static_cast<int64_t>(longest);
  const auto integers = at::TensorOptions().dtype(at::kLong);
  Rows rows{at::empty({batch, width}, integers), at::empty({batch, width}, integers)};
  int64_t* token = rows.token.mutable_data_ptr<int64_t>();
  int64_t* parent = rows.parent.mutable_data_ptr<int64_t>();
  std::fill(token, token + rows.token.numel(), -1);
  std::fill(parent, parent + rows.parent.numel(), -1);
  for (size_t b = 0; b < lists.size(); ++b) {
    std::copy(lists[b].token.begin(), lists[b].token.end(), token + b * longest);
    std::copy(lists[b].parent.begin(), lists[b].parent.end(), parent + b * longest);
  }
  return rows;
}

std::vector<int> first_slots(int count) {
  std::vector<int> slots(static_cast<size_t>(count));
  std::iota(slots.begin(), slots.end(), 0);
  return slots;
}

Pass prefill(const LanguageModel& model, KvCache& cache, std::span<const Prefix> prefixes, const Ask& ask) {
  constexpr size_t kChunk = 256;  // rows of a sequence per pass: enough for the weights to be read once per many rows
  Ask wanted = ask;
  wanted.logits = Logits::kNone;
  size_t longest = 0;
  for (const Prefix& prefix : prefixes) longest = std::max(longest, prefix.size() - 1);
  std::vector<Tensor> hidden;
  for (size_t start = 0; start < longest; start += kChunk) {
    std::vector<RowList> lists;
    for (const Prefix& prefix : prefixes) {
      const size_t first = std::min(start, prefix.size() - 1), last = std::min(start + kChunk, prefix.size() - 1);
      lists.push_back(RowList::chain(std::span(prefix).subspan(first, last - first)));
    }
    const Pass pass = model.forward(make_rows(lists), cache, wanted);
    for (size_t b = 0; b < prefixes.size(); ++b)
      cache.commit(static_cast<int>(b), first_slots(static_cast<int>(lists[b].token.size())));
    if (pass.hidden.defined()) hidden.push_back(pass.hidden);
  }
  return hidden.empty() ? Pass{} : Pass{.logits = {}, .hidden = at::cat(hidden, 1)};
}

}  // namespace specula
