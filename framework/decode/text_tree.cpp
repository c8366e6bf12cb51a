#include "framework/decode/text_tree.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <numeric>

#include "framework/decode/rows.h"

namespace specula {

TextTree::TextTree(const StrategyTask& task, const Prefix& prompt)
    : task_(task),
      prefix_(prompt),
      tree_(DraftTree::root_only(prompt.back())),
      prompt_(static_cast<int64_t>(prompt.size())) {
  if (const auto first = task.sampler.first_state()) states_ = {*first};
  const PhaseClock::Scope scope(task.clock, Phase::kPrefill);
  cache_ = task.target.new_cache(1, static_cast<int64_t>(prompt.size()) + task.max_new_tokens + 64);
  prefill(task.target, *cache_, {&prefix_, 1}, {.logits = Logits::kNone});
}

int TextTree::add(Token token, int parent, double p) {
  if (!states_.empty()) states_.push_back(task_.sampler.next_state(states_[static_cast<size_t>(parent)], p));
  return tree_.add(token, parent, Draw::kPoint);
}

Pass TextTree::forward(int from, int to, Logits logits) {
  RowList list;
  for (int row = from; row < to; ++row) {
    list.token.push_back(tree_.token[static_cast<size_t>(row)]);
    list.parent.push_back(std::max(tree_.parent[static_cast<size_t>(row)] - 1, -1));
  }
  return task_.target.forward(make_rows({list}), *cache_, {.logits = logits});
}

Tensor TextTree::run() {
  const PhaseClock::Scope scope(task_.clock, Phase::kTarget);
  SPECULA_CHECK(fed_ < tree_.size() && (fed_ > 0 || tree_.size() == 1), fed_, " of ", tree_.size(), " rows were run");
  const Pass pass = forward(fed_, tree_.size(), Logits::kAll);
  rows_.resize(static_cast<size_t>(tree_.size() - fed_));
  std::iota(rows_.begin(), rows_.end(), fed_);
  if (fed_ == 0) cache_->commit(0, std::vector<int>{0});
  fed_ = tree_.size();
  return pass.logits.select(0, 0);
}

Tensor TextTree::laws(const Tensor& logits, Law law) const {
  RowContext context{.prefix = prefix_,
                     .tree = tree_,
                     .rows = rows_,
                     .keys = task_.keys,
                     .request = task_.request,
                     .prompt = prompt_,
                     .stop = task_.stop};
  if (states_.empty()) return (task_.sampler.*law)(logits, context);
  std::vector<Tensor> each;  // a state for each row
  for (size_t j = 0; j < rows_.size(); ++j) {
    context.rows = {&rows_[j], 1};
    context.state = states_[static_cast<size_t>(rows_[j])];
    each.push_back((task_.sampler.*law)(logits.narrow(0, static_cast<int64_t>(j), 1), context));
  }
  return at::cat(each);
}

std::vector<int> TextTree::keep(const std::vector<int>& leaves) {
  constexpr int kSpare = 64;                                    // slots that may be wasted before it is worth a pass
  std::vector<size_t> uses(static_cast<size_t>(tree_.size()));  // leaves below each row
  for (const int leaf : leaves) {
    for (int row = leaf; row >= 0; row = tree_.parent[static_cast<size_t>(row)]) ++uses[static_cast<size_t>(row)];
  }
  int trunk = 0, again = 0;  // the deepest row of all texts, and the rows to read again below it
  for (int row = 1; row < fed_; ++row) {
    if (uses[static_cast<size_t>(row)] == leaves.size()) trunk = row;
  }
  for (int row = trunk + 1; row < fed_; ++row) again += uses[static_cast<size_t>(row)] > 0 ? 1 : 0;
  return fed_ - 1 - again < kSpare + 2 * again ? leaves : regrow(trunk, uses, leaves);
}

std::vector<int> TextTree::regrow(int trunk, const std::vector<size_t>& uses, const std::vector<int>& leaves) {
  const PhaseClock::Scope scope(task_.clock, Phase::kCommit);
  std::vector<int> slots;
  for (int row = trunk; row > 0; row = tree_.parent[static_cast<size_t>(row)]) slots.push_back(row - 1);
  std::reverse(slots.begin(), slots.end());
  cache_->commit(0, slots);
  for (const int slot : slots) prefix_.push_back(tree_.token[static_cast<size_t>(slot) + 1]);

  const DraftTree old = std::move(tree_);
  const std::vector<double> states = std::move(states_);
  tree_ = DraftTree::root_only(prefix_.back());
  states_.clear();
  if (!states.empty()) states_.push_back(states[static_cast<size_t>(trunk)]);
  std::vector<int> renamed(static_cast<size_t>(old.size()), -1);
  renamed[static_cast<size_t>(trunk)] = 0;
  int fed = 1;
  for (auto row = static_cast<size_t>(trunk) + 1; row < renamed.size(); ++row) {
    if (uses[row] == 0) continue;
    renamed[row] = tree_.add(old.token[row], renamed[static_cast<size_t>(old.parent[row])], Draw::kPoint);
    if (!states.empty()) states_.push_back(states[row]);
    fed += static_cast<int>(row) < fed_ ? 1 : 0;
  }
  fed_ = fed;
  if (fed_ > 1) forward(1, fed_, Logits::kNone);
  std::vector<int> rows;
  for (const int leaf : leaves) rows.push_back(renamed[static_cast<size_t>(leaf)]);
  return rows;
}

}  // namespace specula
