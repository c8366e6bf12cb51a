#include "drafters/vocabulary_intersection.h"

#include <ATen/ops/full.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "framework/decode/chain_draft.h"
#include "framework/decode/draft_cache.h"
#include "framework/text/foreign_text.h"

namespace specula {
namespace {

struct Options {
  ModelName model{"draft"};
  int length = 4;
  int look_behind = 10;
  template <class V>
  void visit(V& v) {
    v("model", model, "the draft model, which may have another tokenizer");
    v("length", length, 1, 64, "tokens drafted in a round (gamma)", "tokens");
    v("look_behind", look_behind, 0, 256,
      "the draft model's tokens that are read anew with what its tokenizer reads differently", "tokens");
  }
};

class VocabularyIntersection final : public Drafter {
 public:
  VocabularyIntersection(Options options, const Parts& parts)
      : options_(std::move(options)),
        parts_(parts),
        model_(parts.model(options_.model.name)),
        vocab_(parts.vocab),
        own_(parts.tokenizer(options_.model.name)),
        targets_(parts.tokenizer("")),
        map_(own_, targets_) {
    if (map_.shared() == 0)
      throw ConfigError(cat("vocabulary_intersection: the tokenizer of the model '", options_.model.name,
                            "' shares no token with the target's; expected one that does, or text_round_trip"));
  }

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    texts_.clear();
    std::vector<Prefix> read;
    for (const Prefix& prefix : prefixes) {
      texts_.emplace_back(targets_, own_, map_, options_.look_behind, ForeignText::Shared::kKeep);
      read.push_back(context(read.size(), prefix));
    }
    cache_.emplace(model_, read);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    const size_t batch = round.prefixes.size();
    bool first = true;
    ChainDraft how{
        .forward = [&](const std::vector<RowList>& lists) { return pass(lists, std::exchange(first, false)); },
        .catch_up = std::vector<std::vector<Token>>(batch),
        .depth = std::vector<int>(batch),
        .draw = wanted_law(round.policy),
        .q_next = round.q_next};
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      how.catch_up[b] = cache_->catch_up(static_cast<int>(b), context(b, round.prefixes[b]));
      how.depth[b] = round.depth_limit(b, options_.length);
    }
    return draft_chains(round, how);
  }

 private:
  // What the draft model has read.  Where the text is nothing to it, any token, so that it can say something.
  Prefix context(size_t b, const Prefix& text) {
    Prefix ids = end_of(texts_[b].follow(text), model_.context(), options_.length + 1);
    if (ids.empty()) ids.push_back(0);
    return ids;
  }

  // The first lists are the draft model's own tokens, later ones what was drafted.
  Pass pass(std::vector<RowList> lists, bool is_first) {
    if (!is_first) {
      for (RowList& list : lists) {
        for (Token& token : list.token) token = map_.draft_of(token);
      }
    }
    return {.logits = shared(cache_->forward(lists, {.logits = Logits::kLast}).logits), .hidden = {}};
  }

  // [B,1,V of the draft] -> [B,1,V of the target], -infinity where a token is not shared.
  Tensor shared(const Tensor& logits) const {
    const auto known = std::min(static_cast<int64_t>(map_.targets().size()), logits.size(2));
    Tensor mapped = at::full({logits.size(0), 1, vocab_}, -std::numeric_limits<float>::infinity());
    for (int64_t b = 0; b < logits.size(0); ++b) {
      const float* from = logits.const_data_ptr<float>() + b * logits.size(2);
      float* to = mapped.mutable_data_ptr<float>() + b * vocab_;
      for (int64_t id = 0; id < known; ++id) {
        const Token target = map_.target_of(static_cast<Token>(id));
        if (target >= 0) to[target] = from[id];
      }
    }
    return mapped;
  }

  Options options_;
  Parts parts_;  // keeps the tokenizers
  const LanguageModel& model_;
  int64_t vocab_;
  const Tokenizer& own_;
  const Tokenizer& targets_;
  VocabularyMap map_;
  std::vector<ForeignText> texts_;
  std::optional<DraftCache> cache_;
};

}  // namespace

Registry<Drafter>::Entry vocabulary_intersection() {
  return drafter_entry<VocabularyIntersection, Options>(
      "vocabulary_intersection", "A draft model with another tokenizer drafts tokens that both have.",
      "Timor et al. 2025", [](const Options& options, Policy policy) {
        return Facts{.laws = {wanted_law(policy)},
                     .foreign_models = {options.model.name},
                     .memory = "the text in both tokenizers, some 25 B a token"};
      });
}

}  // namespace specula
