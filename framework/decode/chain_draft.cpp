#include "framework/decode/chain_draft.h"

#include <ATen/ops/cat.h>

#include "framework/decode/coupled_draw.h"
#include "framework/decode/rows.h"

namespace specula {
namespace {

// The trees of a round as they grow, each with its rows of q.
class Chains {
 public:
  Chains(const Round& round, const ChainDraft& how)
      : trees(round.prefixes.size()), round_(round), how_(how), q_rows_(round.prefixes.size()) {
    for (size_t b = 0; b < trees.size(); ++b) {
      if (round.done[b] == 0) trees[b] = DraftTree::root_only(round.prefixes[b].back());
    }
  }

  std::vector<DraftTree> trees;

  // Passes that sequence b needs.
  int passes(size_t b) const { return round_.done[b] != 0 ? 0 : how_.depth[b] + (how_.q_next ? 1 : 0); }

  // Given the model's logits [V] after the last row of tree b: what that row says of the next token, and the token.
  void extend(size_t b, const Tensor& logits) {
    DraftTree& tree = trees[b];
    const int row = tree.size() - 1;
    const int rows[] = {row};
    const RowContext context{
        .prefix = round_.prefixes[b], .tree = tree, .rows = rows, .keys = round_.keys, .request = round_.requests[b]};
    if (how_.draw == Draw::kPoint) {
      tree.add(round_.sampler.most_likely(logits.unsqueeze(0), context)[0], row, Draw::kPoint);
      return;
    }
    const Tensor q = how_.q_of_p(round_.sampler.distribution(logits.unsqueeze(0), context));
    const int q_row = static_cast<int>(q_rows_[b].size());
    q_rows_[b].push_back(q);
    tree.q_next[row] = q_row;
    if (row < how_.depth[b]) tree.add(draw(b, row, q), row, how_.draw, q_row);
  }

  std::vector<DraftTree> finish() {
    for (size_t b = 0; b < trees.size(); ++b) {
      if (!q_rows_[b].empty()) trees[b].q = q_rows_[b].size() == 1 ? q_rows_[b][0] : at::cat(q_rows_[b], 0);
    }
    return std::move(trees);
  }

 private:
  Token draw(size_t b, int row, const Tensor& q) const {
    const float* mass = q.const_data_ptr<float>();
    const int64_t request = round_.requests[b];
    if (how_.draw == Draw::kCoupled) return coupled_draw(mass, q.size(1), round_.keys, request, round_.starts[b] + row);
    return pick(mass, q.size(1),
                round_.keys.uniform(Use::kDraft, request, round_.starts[b], static_cast<uint32_t>(row + 1)));
  }

  const Round& round_;
  const ChainDraft& how_;
  std::vector<std::vector<Tensor>> q_rows_;
};

}  // namespace

std::function<Pass(const std::vector<RowList>& lists)> passes_of(DraftCache& cache) {
  return [&cache](const std::vector<RowList>& lists) { return cache.forward(lists, {.logits = Logits::kLast}); };
}

std::function<Pass(const std::vector<RowList>& lists)> passes_of(const LanguageModel& model, KvCache& cache,
                                                                 const Ask& ask) {
  return
      [&model, &cache, ask](const std::vector<RowList>& lists) { return model.forward(make_rows(lists), cache, ask); };
}

std::vector<DraftTree> draft_chains(const Round& round, const ChainDraft& how) {
  SPECULA_CHECK(how.draw != Draw::kPoint || !how.q_next, "points have no q");
  const size_t batch = round.prefixes.size();
  Chains chains(round, how);
  std::vector<int> fed(batch, 0);  // rows, which are the tentative slots
  int most = 0;
  for (size_t b = 0; b < batch; ++b) most = std::max(most, chains.passes(b));
  for (int i = 0; i < most; ++i) {
    std::vector<RowList> lists(batch);
    for (size_t b = 0; b < batch; ++b) {
      if (i >= chains.passes(b)) continue;
      if (i == 0) {
        lists[b] = RowList::chain(how.catch_up[b]);
      } else {
        lists[b] = {{chains.trees[b].token.back()}, {fed[b] - 1}};
      }
    }
    const Pass pass = how.forward(lists);
    for (size_t b = 0; b < batch; ++b) {
      fed[b] += static_cast<int>(lists[b].token.size());
      if (!lists[b].token.empty()) chains.extend(b, pass.logits.select(0, static_cast<int64_t>(b)).select(0, 0));
    }
  }
  return chains.finish();
}

}  // namespace specula
