#include "framework/decode/tree_draft.h"

#include <limits>
#include <optional>

namespace specula {
namespace {

GrowthLimits limits_of(const Round& round, size_t b, const TreeShape& shape) {
  return {.depth = round.depth_limit(b, shape.depth()),
          .rows = shape.prunes() ? std::numeric_limits<int>::max() : round.row_budget,
          .width = shape.width()};
}

// One sequence of the round.
class Sprout {
 public:
  Sprout(const Round& round, const TreeDraft& how, size_t b)
      : round_(round),
        how_(how),
        b_(b),
        grower_(how.shape.start()),
        tree_(round.prefixes[b].back(), how.law, limits_of(round, b, how.shape), [&round, b](int row) {
          return round.keys.uniform(Use::kDraft, round.requests[b], round.starts[b], static_cast<uint32_t>(row));
        }) {
    if (tree_.may_grow(0) || how.q_next) wanted_ = {0};
  }

  bool is_waiting() const { return !wanted_.empty(); }

  // What the next pass is to be fed.
  RowList rows() {
    RowList list;
    slot_.resize(static_cast<size_t>(tree_.size()), -1);
    if (slots_ == 0) {
      list = RowList::chain(how_.source.catch_up(static_cast<int>(b_), round_.prefixes[b_]));
      slot_[0] = static_cast<int>(list.token.size()) - 1;
    } else {
      for (const int row : wanted_) {
        const auto parent = static_cast<size_t>(tree_.tree().parent[static_cast<size_t>(row)]);
        list.token.push_back(tree_.tree().token[static_cast<size_t>(row)]);
        list.parent.push_back(slot_[parent]);
        slot_[static_cast<size_t>(row)] = slots_ + static_cast<int>(list.token.size()) - 1;
      }
    }
    slots_ += static_cast<int>(list.token.size());
    return list;
  }

  // logits [wanted rows,V] after them.
  void hear(const Tensor& logits) {
    const RowContext context = round_.context(b_, tree_.tree(), wanted_);
    tree_.learn(wanted_, how_.q_of_p(how_.law == Draw::kPoint ? round_.sampler.ranking(logits, context)
                                                              : round_.sampler.distribution(logits, context)));
    wanted_ = is_grown_ ? std::vector<int>{} : grower_->grow(tree_);
    if (is_grown_ || !wanted_.empty()) return;
    is_grown_ = true;
    for (int row = 0; how_.q_next && row < tree_.size(); ++row) {
      if (!tree_.is_known(row)) wanted_.push_back(row);
    }
  }

  DraftTree finish() {
    if (!how_.shape.prunes()) return std::move(tree_).finish();
    const std::vector<int> kept = grower_->keep(tree_, round_.row_budget);
    return std::move(tree_).finish(kept);
  }

 private:
  const Round& round_;
  const TreeDraft& how_;
  size_t b_;
  std::unique_ptr<Grower> grower_;
  GrowingTree tree_;
  std::vector<int> wanted_;
  bool is_grown_ = false;
  std::vector<int> slot_;  // of each row, -1: not fed
  int slots_ = 0;          // fed
};

}  // namespace

std::vector<DraftTree> draft_trees(const Round& round, const TreeDraft& how) {
  SPECULA_CHECK(how.law != Draw::kPoint || !how.q_next, "points have no q");
  SPECULA_CHECK(how.law == Draw::kPoint || !how.shape.prunes(), "a tree that is pruned is of points");
  const size_t batch = round.prefixes.size();
  std::vector<std::optional<Sprout>> sprouts(batch);
  for (size_t b = 0; b < batch; ++b) {
    if (round.done[b] == 0) sprouts[b].emplace(round, how, b);
  }
  // The first pass catches up, with any number of tokens, and only the root's logits are wanted.
  for (Logits logits = Logits::kLast;; logits = Logits::kAll) {
    std::vector<RowList> lists(batch);
    bool is_any = false;
    for (size_t b = 0; b < batch; ++b) {
      if (!sprouts[b] || !sprouts[b]->is_waiting()) continue;
      lists[b] = sprouts[b]->rows();
      is_any = true;
    }
    if (!is_any) break;
    const Pass pass = how.source.forward(lists, {.logits = logits});
    for (size_t b = 0; b < batch; ++b) {
      if (lists[b].token.empty()) continue;
      const auto wanted = logits == Logits::kLast ? 1 : static_cast<int64_t>(lists[b].token.size());
      sprouts[b]->hear(pass.logits.select(0, static_cast<int64_t>(b)).narrow(0, 0, wanted));
    }
  }
  std::vector<DraftTree> trees(batch);
  for (size_t b = 0; b < batch; ++b) {
    if (sprouts[b]) trees[b] = sprouts[b]->finish();
  }
  return trees;
}

}  // namespace specula
