#include "framework/model/heads/block_heads.h"

#include <ATen/ops/full.h>

#include <algorithm>

namespace specula {

void BlockHeads::feed(const Fed& fed, RoundCache& cache, const PartialHead* head) const {
  if (std::find(fed.is_text.begin(), fed.is_text.end(), 1) != fed.is_text.end()) {
    const Rows text{.token = fed.rows.token.clone(), .parent = fed.rows.parent, .hidden = fed.rows.hidden};
    for (size_t b = 0; b < cache.batch(); ++b) {
      if (fed.is_text[b] == 0) text.token[static_cast<int64_t>(b)].fill_(-1);
    }
    decoder().forward(text, *cache.text, {.logits = Logits::kNone});
  }
  name_blocks(fed, cache, head);
}

// A pass over the blocks that are asked for the first time since their roots were given.
void BlockHeads::name_blocks(const Fed& fed, RoundCache& cache, const PartialHead* head) const {
  const int rows_of_block = cache.tokens + 1;
  const std::vector<int64_t> shape = {static_cast<int64_t>(cache.batch()), rows_of_block};
  const Rows rows{.token = at::full(shape, -1, at::kLong), .parent = at::full(shape, -1, at::kLong)};
  std::vector<size_t> asked;
  for (size_t b = 0; b < cache.batch(); ++b) {
    const RoundCache::Round& round = cache.round(b);
    if (fed.is_asked[b] == 0 || round.named.defined()) continue;
    asked.push_back(b);
    int64_t* token = rows.token[static_cast<int64_t>(b)].mutable_data_ptr<int64_t>();
    int64_t* parent = rows.parent[static_cast<int64_t>(b)].mutable_data_ptr<int64_t>();
    for (int k = 0; k < rows_of_block; ++k) {
      token[k] = k == 0 ? round.root : mask_token();
      parent[k] = round.text - 1 + k;
    }
  }
  if (asked.empty()) return;
  const Pass pass = decoder().forward(rows, *cache.text, {.logits = Logits::kAll, .head = head});
  for (const size_t b : asked) cache.rounds[b].named = pass.logits[static_cast<int64_t>(b)].narrow(0, 1, cache.tokens);
}

}  // namespace specula
