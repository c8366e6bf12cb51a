#include "drafters/early_exit.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "drafters/self_drafter.h"

namespace specula {
namespace {

struct Options {
  int exit_layer = 0;
  bool reuse = true;
  SelfOptions self;
  template <class V>
  void visit(V& v) {
    v("exit_layer", exit_layer, 0, 1024, "layers that draft, fewer than the target has; 0: half of them", "layers");
    v("reuse", reuse,
      "the verification goes on from the drafts' states; false: it computes all layers, for comparison");
    self.visit(v);
  }
  int exit_of(int64_t layers) const {
    if (layers < 2) throw ConfigError("early_exit needs a target of at least 2 layers; this one has 1");
    if (exit_layer >= layers) {
      throw ConfigError(cat("early_exit exit_layer = ", exit_layer, " is out of range 1..", layers - 1,
                            ": the target has ", layers, " layers, and one at least must verify"));
    }
    return exit_layer > 0 ? exit_layer : static_cast<int>(layers / 2);
  }
};

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

class EarlyExit final : public SelfDrafter {
 public:
  EarlyExit(Options options, const Parts& parts)
      : SelfDrafter(options.self, "early_exit", parts), options_(std::move(options)) {
    if (parts.layers > 0) options_.exit_of(parts.layers);  // fails before anything is decoded
  }

  std::vector<DraftTree> draft(const Round& round) override {
    const int exit = options_.exit_of(round.target.layers());
    Ask ask = exit_after(exit, round.target.layers(), Logits::kLast);
    if (options_.reuse) ask.hidden = {exit};
    States states(round.prefixes.size(), options_.self.length + 1);
    const auto forward = [&](const std::vector<RowList>& lists) {
      Pass pass = round.target.forward(make_rows(lists), round.target_cache, ask);
      if (options_.reuse) states.take(lists, pass);
      return pass;
    };
    auto trees = chains(round, forward);
    started_ = {};
    if (!options_.reuse || states.is_empty()) {
      roll_back(round);
      return trees;
    }
    feed_rest(trees, states, [&](const std::vector<RowList>& lists) {
      ask.logits = Logits::kNone;
      return forward(lists);
    });
    int widest = 0;
    for (const DraftTree& tree : trees) widest = std::max(widest, tree.size());
    started_ = {.layer = exit, .hidden = states.first(widest)};
    return trees;
  }

  Started started() const override { return started_; }

 private:
  // The last drafted tokens, and roots of sequences that drafted nothing, go through the first layers too.
  template <class Forward>
  static void feed_rest(const std::vector<DraftTree>& trees, const States& states, const Forward& forward) {
    std::vector<RowList> rest(trees.size());
    bool has_some = false;
    for (size_t b = 0; b < trees.size(); ++b) {
      for (auto row = static_cast<int>(states.count(b)); row < trees[b].size(); ++row) {
        rest[b].token.push_back(trees[b].token[static_cast<size_t>(row)]);
        rest[b].parent.push_back(row - 1);
        has_some = true;
      }
    }
    if (has_some) forward(rest);
  }

  Options options_;
  Started started_;
};

}  // namespace

Registry<Drafter>::Entry early_exit() {
  return with_stoppers(drafter_entry<EarlyExit, Options>(
      "early_exit", "The target's first layers draft, the others verify from where those stopped.",
      "Elhoushi et al. 2024",
      [](const Options& options, Policy policy) { return self_facts(options.self, "early_exit", policy); }));
}

}  // namespace specula
