#include "drafters/exit_drafter.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

namespace specula {
namespace {

// The states that rows of each sequence left at the exit, in their order.
class States {
 public:
  States(size_t batch, int most_rows) : most_rows_(most_rows), count_(batch, 0) {}

  void take(const std::vector<RowList>& lists, const Pass& pass) {
    const int64_t size = pass.hidden.size(3), width = pass.hidden.size(1);
    if (!rows_.defined()) rows_ = at::zeros({static_cast<int64_t>(count_.size()), most_rows_, size}, at::kFloat);
    const Tensor states = pass.hidden.contiguous();  // [B,R,1,H]
    for (size_t b = 0; b < lists.size(); ++b) {
      const auto rows = static_cast<int64_t>(lists[b].token.size());
      SPECULA_CHECK(count_[b] + rows <= most_rows_, "more rows than a tree has");
      std::copy_n(states.const_data_ptr<float>() + static_cast<int64_t>(b) * width * size, rows * size,
                  rows_.mutable_data_ptr<float>() + (static_cast<int64_t>(b) * most_rows_ + count_[b]) * size);
      count_[b] += rows;
    }
  }
  int64_t count(size_t b) const { return count_[b]; }
  bool is_empty() const { return !rows_.defined(); }
  Tensor first(int64_t rows) const { return rows_.narrow(1, 0, rows); }  // [B,R,H]

 private:
  int64_t most_rows_;
  std::vector<int64_t> count_;
  Tensor rows_;
};

// The last drafted tokens, and roots of sequences that drafted nothing, go through the first layers too.
std::vector<RowList> rest_of(const std::vector<DraftTree>& trees, const States& states) {
  std::vector<RowList> rest(trees.size());
  for (size_t b = 0; b < trees.size(); ++b) {
    for (auto row = static_cast<int>(states.count(b)); row < trees[b].size(); ++row) {
      rest[b].token.push_back(trees[b].token[static_cast<size_t>(row)]);
      rest[b].parent.push_back(row - 1);
    }
  }
  return rest;
}

}  // namespace

ExitDrafter::ExitDrafter(const ExitOptions& options, const std::string& place, const Parts& parts)
    : SelfDrafter(options.self, place, parts), options_(options) {}

std::vector<DraftTree> ExitDrafter::draft(const Round& round) {
  const int exit = exit_of(round.target.layers());
  Ask ask = exit_after(exit, round.target.layers(), Logits::kNone);
  ask.hidden = {exit};
  States states(round.prefixes.size(), options_.self.length + 1);
  const First first = [&](const std::vector<RowList>& lists, Logits logits) {
    ask.logits = logits;
    Pass pass = round.target.forward(make_rows(lists), round.target_cache, ask);
    states.take(lists, pass);
    return pass;
  };
  auto trees = chains(round, [&](const std::vector<RowList>& lists) { return score(lists, first); });
  started_ = {};
  if (!options_.reuse || states.is_empty()) {
    roll_back(round);
    return trees;
  }
  const std::vector<RowList> rest = rest_of(trees, states);
  if (std::any_of(rest.begin(), rest.end(), [](const RowList& list) { return !list.token.empty(); }))
    first(rest, Logits::kNone);
  int widest = 0;
  for (const DraftTree& tree : trees) widest = std::max(widest, tree.size());
  started_ = {.layer = exit, .hidden = states.first(widest)};
  return trees;
}

}  // namespace specula
