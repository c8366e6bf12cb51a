#include "drafters/parallel_draft.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <optional>

#include "drafters/tree_options.h"
#include "framework/decode/draft_cache.h"

namespace specula {
namespace {

struct Options {
  ModelName model{"draft"};
  TreeOptions tree;
  int mask_token = -1;
  template <class V>
  void visit(V& v) {
    v("model", model, "the draft model, of the target's vocabulary, trained to draft in parallel");
    v("mask_token", mask_token, -1, 1 << 30, "what stands for a token to come: \"pard_token\" of its config.json");
    tree.visit(v);
  }
};

Facts facts_of(const Options& options, Policy policy) {
  if (options.mask_token < 0)
    throw ConfigError("parallel_draft needs mask_token; expected \"pard_token\" of the model's config.json");
  Facts facts = tree_facts(options.tree, "parallel_draft", policy);
  facts.models = {options.model.name};
  facts.q_next = false;
  return facts;
}

// Answers every pass of a round from its first one, which feeds the masks too.
class Masked final : public DraftSource {
 public:
  Masked(const LanguageModel& model, std::span<const Prefix> prefixes, Token mask)
      : cache_(model, prefixes), mask_(mask), sequences_(prefixes.size()) {}

  // `depth` tokens will be asked of each sequence, at most.
  void open(const Round& round, int depth) {
    for (size_t b = 0; b < sequences_.size(); ++b)
      sequences_[b] = {.masks = std::max(round.depth_limit(b, depth), 1) - 1};
  }

  std::vector<Token> catch_up(int b, const Prefix& text) override { return cache_.catch_up(b, text); }

  Pass forward(const std::vector<RowList>& lists, const Ask& ask) override {
    feed(lists);
    size_t width = 1;
    for (const RowList& list : lists) width = std::max(width, ask.logits == Logits::kLast ? 1 : list.token.size());
    const auto batch = static_cast<int64_t>(lists.size()), vocab = cache_.model().vocab();
    Tensor logits = at::zeros({batch, static_cast<int64_t>(width), vocab});
    for (int64_t b = 0; b < batch; ++b) {
      const std::vector<int> depths = place(lists[static_cast<size_t>(b)], sequences_[static_cast<size_t>(b)]);
      const size_t skipped = ask.logits == Logits::kLast && !depths.empty() ? depths.size() - 1 : 0;
      for (size_t row = skipped; row < depths.size(); ++row) {
        const Tensor& known = sequences_[static_cast<size_t>(b)].logits;
        logits.select(0, b).select(0, static_cast<int64_t>(row - skipped)).copy_(known.select(0, depths[row]));
      }
    }
    return {.logits = logits, .hidden = {}};
  }

 private:
  struct Sequence {
    int masks = 0;
    Tensor logits{};            // [masks + 1,V]; undefined: not fed in this round
    std::vector<int> depths{};  // of the slots that were asked for: 0 for the root and what was fed before it
  };

  // One pass over what the sequences lack, and their masks.
  void feed(const std::vector<RowList>& lists) {
    std::vector<RowList> fed(lists.size());
    bool is_any = false;
    for (size_t b = 0; b < lists.size(); ++b) {
      if (lists[b].token.empty() || sequences_[b].logits.defined()) continue;
      is_any = true;
      fed[b] = lists[b];
      for (int k = 0; k < sequences_[b].masks; ++k) {
        fed[b].parent.push_back(static_cast<int>(fed[b].token.size()) - 1);
        fed[b].token.push_back(mask_);
      }
    }
    if (!is_any) return;
    const Pass pass = cache_.forward(fed, {.logits = Logits::kAll});
    for (size_t b = 0; b < lists.size(); ++b) {
      if (fed[b].token.empty()) continue;
      const int64_t rows = sequences_[b].masks + 1, begin = static_cast<int64_t>(fed[b].token.size()) - rows;
      sequences_[b].logits = pass.logits.select(0, static_cast<int64_t>(b)).narrow(0, begin, rows);
    }
  }

  // The depths of the rows, which become slots.
  static std::vector<int> place(const RowList& list, Sequence& sequence) {
    const bool is_text = sequence.depths.empty();
    std::vector<int> depths;
    for (const int parent : list.parent)
      depths.push_back(is_text ? 0 : sequence.depths.at(static_cast<size_t>(parent)) + 1);
    sequence.depths.insert(sequence.depths.end(), depths.begin(), depths.end());
    return depths;
  }

  DraftCache cache_;
  Token mask_;
  std::vector<Sequence> sequences_;
};

class ParallelDraft final : public Drafter {
 public:
  ParallelDraft(const Options& options, const Parts& parts)
      : mask_(options.mask_token),
        model_(parts.model(options.model.name)),
        drafting_(options.tree, "parallel_draft", parts) {
    if (mask_ >= model_.vocab())
      throw ConfigError(cat("parallel_draft mask_token = ", mask_, " is no token of '", options.model.name,
                            "'; expected 0..", model_.vocab() - 1));
  }

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    source_.emplace(model_, prefixes, mask_);
    drafting_.begin(prefixes.size());
  }
  std::vector<DraftTree> draft(const Round& round) override {
    source_->open(round, drafting_.depth());
    return drafting_.draft(round, *source_);
  }
  void observe(const Feedback& feedback) override { drafting_.observe(feedback); }
  std::vector<std::pair<std::string, double>> notes(size_t b) const override { return drafting_.notes(b); }

 private:
  Token mask_;
  const LanguageModel& model_;
  TreeDrafting drafting_;
  std::optional<Masked> source_;
};

}  // namespace

Registry<Drafter>::Entry parallel_draft() {
  return with_tree(drafter_entry<ParallelDraft, Options>(
      "parallel_draft", "A draft model names all tokens of a round in one pass over mask tokens.",
      "An et al. 2025 (PARD)", facts_of));
}

}  // namespace specula
