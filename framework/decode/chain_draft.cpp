#include "framework/decode/chain_draft.h"

#include <ATen/ops/cat.h>

#include "framework/decode/rows.h"

namespace specula {
namespace {

// Adds the next token of sequence b, given the model's logits [V] after the tree's last row.
void extend(const Round& round, const ChainDraft& how, size_t b, const Tensor& logits, DraftTree& tree,
            std::vector<Tensor>& q_rows) {
  const int row = tree.size() - 1;
  const int rows[] = {row};
  const RowContext context{
      .prefix = round.prefixes[b], .tree = tree, .rows = rows, .keys = round.keys, .request = round.requests[b]};
  if (!how.sample) {
    tree.add(round.sampler.most_likely(logits.unsqueeze(0), context)[0], row, Draw::kPoint);
    return;
  }
  const Tensor q = how.q_of_p(round.sampler.distribution(logits.unsqueeze(0), context));
  const double u = round.keys.uniform(Use::kDraft, round.requests[b], round.starts[b], static_cast<uint32_t>(row + 1));
  tree.q_next[row] = static_cast<int>(q_rows.size());
  tree.add(pick(q.const_data_ptr<float>(), q.size(1), u), row, Draw::kIid, static_cast<int>(q_rows.size()));
  q_rows.push_back(q);
}

}  // namespace

std::vector<DraftTree> draft_chains(const Round& round, const ChainDraft& how) {
  const size_t batch = round.prefixes.size();
  std::vector<DraftTree> trees(batch);
  std::vector<std::vector<Tensor>> q_rows(batch);
  int deepest = 0;
  for (size_t b = 0; b < batch; ++b) {
    if (round.done[b] != 0) continue;
    trees[b] = DraftTree::root_only(round.prefixes[b].back());
    deepest = std::max(deepest, how.depth[b]);
  }
  for (int depth = 0; depth < deepest; ++depth) {
    std::vector<RowList> lists(batch);
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0 || depth >= how.depth[b]) continue;
      if (depth == 0) {
        lists[b] = RowList::chain(how.catch_up[b]);
      } else {
        lists[b] = {{trees[b].token.back()}, {how.cache.tentative(static_cast<int>(b)) - 1}};
      }
    }
    const Pass pass = how.model.forward(make_rows(lists), how.cache, {.logits = Logits::kLast});
    for (size_t b = 0; b < batch; ++b) {
      if (lists[b].token.empty()) continue;
      extend(round, how, b, pass.logits.select(0, static_cast<int64_t>(b)).select(0, 0), trees[b], q_rows[b]);
    }
  }
  for (size_t b = 0; b < batch; ++b) {
    if (!q_rows[b].empty()) trees[b].q = q_rows[b].size() == 1 ? q_rows[b][0] : at::cat(q_rows[b], 0);
  }
  return trees;
}

}  // namespace specula
