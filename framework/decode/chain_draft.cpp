#include "framework/decode/chain_draft.h"

#include <ATen/ops/cat.h>

#include "framework/decode/coupled_draw.h"
#include "framework/decode/probability.h"
#include "framework/decode/rows.h"

namespace specula {
namespace {

// The trees of a round as they grow, each with its rows of q.
class Chains {
 public:
  Chains(const Round& round, const ChainDraft& how)
      : trees(round.prefixes.size()),
        round_(round),
        how_(how),
        depth_(how.depth),
        stop_(how.stop != nullptr ? *how.stop : never_),
        q_rows_(round.prefixes.size()) {
    for (size_t b = 0; b < trees.size(); ++b) {
      if (round.done[b] == 0) trees[b] = DraftTree::root_only(round.prefixes[b].back());
    }
    stop_.open(round, depth_);
  }

  std::vector<DraftTree> trees;

  // Whether sequence b needs another pass: for a token, or for q after the last one.
  bool needs_pass(size_t b) const {
    if (round_.done[b] != 0) return false;
    return may_grow(b) || (how_.q_next && trees[b].q_next.back() < 0);
  }

  // Given the model's logits [V] after the last row of tree b: what that row says of the next token, and the token.
  void extend(size_t b, const Tensor& logits) {
    DraftTree& tree = trees[b];
    const int row = tree.size() - 1;
    const int rows[] = {row};
    const RowContext context = round_.context(b, tree, rows);
    if (may_grow(b)) stop_.count_pass(b);
    if (how_.draw == Draw::kPoint) {
      const Token likeliest = round_.sampler.most_likely(logits.unsqueeze(0), context)[0];
      grow(
          b, stop_row(b, nullptr, logits), [&] { return likeliest; }, -1);
      return;
    }
    const Tensor q = how_.q_of_p(round_.sampler.distribution(logits.unsqueeze(0), context));
    const int q_row = static_cast<int>(q_rows_[b].size());
    q_rows_[b].push_back(q);
    tree.q_next[row] = q_row;
    if (may_grow(b))
      grow(
          b, stop_row(b, q.const_data_ptr<float>(), logits), [&] { return draw(b, row, q); }, q_row);
  }

  std::vector<DraftTree> finish() {
    for (size_t b = 0; b < trees.size(); ++b) {
      if (!q_rows_[b].empty()) trees[b].q = q_rows_[b].size() == 1 ? q_rows_[b][0] : at::cat(q_rows_[b], 0);
    }
    stop_.close(trees);
    return std::move(trees);
  }

 private:
  bool may_grow(size_t b) const { return trees[b].size() <= depth_[b]; }
  void end(size_t b) { depth_[b] = trees[b].size() - 1; }

  // A token below the last row, unless the stopper ends the chain there; what was drawn always stays.
  void grow(size_t b, const StopRow& seen, const std::function<Token()>& next, int q_row) {
    if (stop_.before(b, seen)) return end(b);
    const Token token = next();
    trees[b].add(token, trees[b].size() - 1, how_.draw, q_row);
    if (stop_.after(b, seen, token)) end(b);
  }

  // What a stopper is shown; `q` [V], null where the draft is a point.
  StopRow stop_row(size_t b, const float* q, const Tensor& logits) {
    StopRow row{.b = static_cast<int>(b), .depth = trees[b].size() - 1, .q = {}};
    if (!stop_.reads_q()) return row;
    const int64_t vocab = logits.numel();
    if (q == nullptr || max_logit(q, vocab) == 1) {
      plain_.resize(static_cast<size_t>(vocab));
      softmax(logits.const_data_ptr<float>(), vocab, plain_.data());
      q = plain_.data();
    }
    row.q = {q, static_cast<size_t>(vocab)};
    return row;
  }

  Token draw(size_t b, int row, const Tensor& q) const {
    const float* mass = q.const_data_ptr<float>();
    const int64_t request = round_.requests[b];
    if (how_.draw == Draw::kCoupled) return coupled_draw(mass, q.size(1), round_.keys, request, round_.starts[b] + row);
    return pick(mass, q.size(1),
                round_.keys.uniform(Use::kDraft, request, round_.starts[b], static_cast<uint32_t>(row + 1)));
  }

  const Round& round_;
  const ChainDraft& how_;
  std::vector<int> depth_;  // [B] tokens to draft, at most
  ChainStop never_;
  ChainStop& stop_;
  std::vector<std::vector<Tensor>> q_rows_;
  std::vector<float> plain_;  // [V]
};

}  // namespace

Draw wanted_law(Policy policy) {
  if (policy == Policy::kGreedy) return Draw::kPoint;
  return policy == Policy::kCoupled ? Draw::kCoupled : Draw::kIid;
}

Draw wanted_law(const std::string& draw, Policy policy) {
  if (draw == "auto") return wanted_law(policy);
  return draw == "greedy" ? Draw::kPoint : draw == "coupled" ? Draw::kCoupled : Draw::kIid;
}

std::function<Pass(const std::vector<RowList>& lists)> passes_of(DraftSource& source) {
  return [&source](const std::vector<RowList>& lists) { return source.forward(lists, {.logits = Logits::kLast}); };
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
  while (true) {
    std::vector<RowList> lists(batch);
    bool is_done = true;
    for (size_t b = 0; b < batch; ++b) {
      if (!chains.needs_pass(b)) continue;
      is_done = false;
      if (fed[b] == 0) {
        lists[b] = RowList::chain(how.catch_up[b]);
      } else {
        lists[b] = {{chains.trees[b].token.back()}, {fed[b] - 1}};
      }
    }
    if (is_done) break;
    const Pass pass = how.forward(lists);
    for (size_t b = 0; b < batch; ++b) {
      fed[b] += static_cast<int>(lists[b].token.size());
      if (!lists[b].token.empty()) chains.extend(b, pass.logits.select(0, static_cast<int64_t>(b)).select(0, 0));
    }
  }
  return chains.finish();
}

}  // namespace specula
