#include "framework/decode/draft_cache.h"

#include <algorithm>

namespace specula {
namespace {

constexpr int64_t kReserve = 256;  // slots beside the longest prompt

// The slots of `fed` that spell `text` from its start, as far as they go.
std::vector<int> slots_along(const RowList& fed, std::span<const Token> text) {
  std::vector<int> slots;
  int above = -1;
  for (const Token token : text) {
    int next = -1;
    for (int slot = above + 1; slot < static_cast<int>(fed.token.size()) && next < 0; ++slot) {
      if (fed.parent[slot] == above && fed.token[slot] == token) next = slot;
    }
    if (next < 0) break;
    slots.push_back(above = next);
  }
  return slots;
}

}  // namespace

DraftCache::DraftCache(const LanguageModel& model, std::span<const Prefix> prefixes)
    : model_(model), sequences_(prefixes.size()) {
  size_t longest = 0;
  for (const Prefix& prefix : prefixes) longest = std::max(longest, prefix.size());
  cache_ = model.new_cache(static_cast<int>(prefixes.size()), static_cast<int64_t>(longest) + kReserve);
  prefill(model, *cache_, prefixes, {.logits = Logits::kNone});
  for (size_t b = 0; b < prefixes.size(); ++b)
    sequences_[b].committed.assign(prefixes[b].begin(), prefixes[b].end() - 1);
}

std::vector<Token> DraftCache::catch_up(int b, const Prefix& text) {
  SPECULA_CHECK(!text.empty(), "an empty text");
  Sequence& s = sequences_[static_cast<size_t>(b)];
  const auto fed_text = static_cast<int64_t>(text.size()) - 1;  // the root is fed anew
  const auto known = static_cast<int64_t>(
      std::mismatch(s.committed.begin(), s.committed.end(), text.begin(), text.begin() + fed_text).first -
      s.committed.begin());
  if (known < static_cast<int64_t>(s.committed.size())) {
    cache_->truncate(b, known);
    s.committed.resize(static_cast<size_t>(known));
  } else {
    const std::vector<int> slots = slots_along(s.fed, {text.begin() + known, text.begin() + fed_text});
    cache_->commit(b, slots);
    s.committed.insert(s.committed.end(), text.begin() + known,
                       text.begin() + known + static_cast<int64_t>(slots.size()));
  }
  s.fed = {};
  return {text.begin() + static_cast<int64_t>(s.committed.size()), text.end()};
}

Pass DraftCache::forward(const std::vector<RowList>& lists, const Ask& ask) {
  for (size_t b = 0; b < lists.size(); ++b) {
    RowList& fed = sequences_[b].fed;
    fed.token.insert(fed.token.end(), lists[b].token.begin(), lists[b].token.end());
    fed.parent.insert(fed.parent.end(), lists[b].parent.begin(), lists[b].parent.end());
  }
  return model_.forward(make_rows(lists), *cache_, ask);
}

}  // namespace specula
