#include "drafters/kangaroo.h"

#include <optional>

#include "drafters/exit_drafter.h"
#include "drafters/head_drafter.h"

namespace specula {
namespace {

const HeadPlugin kPlugin{.name = "kangaroo", .kind = "kangaroo", .memory = kLayerMemory};

struct Options {
  ModelName head{"kangaroo"};
  ExitOptions exit;
  FrequentOptions frequent;
  Options() {
    exit.self.length = 6;
    exit.self.stop = default_call("confidence(threshold = 0.6)");
  }
  template <class V>
  void visit(V& v) {
    v("head", head, "the entry of [models] with the adapter, which was trained for the target and one of its layers");
    exit.visit(v);
    frequent.visit(v);
  }
};

Facts facts_of(const Options& options, Policy policy) {
  Facts facts = self_facts(options.exit.self, "kangaroo", policy);
  facts.heads = {{options.head.name, kPlugin.kind}};
  facts.memory = kPlugin.memory;
  add_frequent(options.frequent, kPlugin.name, facts);
  return facts;
}

class Kangaroo final : public ExitDrafter {
 public:
  Kangaroo(const Options& options, const Parts& parts)
      : ExitDrafter(options.exit, "kangaroo", parts),
        adapter_(head_of(options.head, kPlugin, parts)),
        exit_(adapter_.head_traits()->sites.front()),
        frequent_(frequent_of(options.frequent, adapter_, parts)) {
    if (parts.layers > 0) exit_of(parts.layers);  // fails before anything is decoded
  }

  Ask needs() const override { return {.logits = Logits::kNone, .hidden = {exit_}}; }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    ExitDrafter::begin(prefixes, requests, prefill);
    cache_.emplace(frequent_ ? *frequent_ : adapter_, prefixes, prefill);
    in_front_.assign(prefixes.size(), 0);
  }
  void observe(const Feedback& feedback) override {
    cache_->observe(feedback);
    ExitDrafter::observe(feedback);
  }

 private:
  int exit_of(int64_t layers) const override {
    if (exit_ < 1 || exit_ >= layers) {
      throw ConfigError(cat("kangaroo: the adapter reads what enters layer ", exit_, "; expected 1..", layers - 1,
                            ", since the target has ", layers, " layers and one at least must verify"));
    }
    return exit_;
  }

  std::vector<Token> catch_up(size_t b, const Prefix& text) override {
    auto tokens = cache_->catch_up(static_cast<int>(b), text);
    in_front_[b] = static_cast<int>(tokens.size()) - 1;
    return tokens;
  }

  // Root and drafts go through the first layers; the adapter is given what it lacks of the text too.
  Pass score(const std::vector<RowList>& lists, const First& first) override {
    std::vector<RowList> rows(lists.size());
    for (size_t b = 0; b < lists.size(); ++b) {
      const int skipped = in_front_[b];
      for (size_t r = 0; r < lists[b].token.size(); ++r) {
        const bool is_text = lists[b].parent[r] < skipped - 1;
        if (is_text) continue;
        rows[b].token.push_back(lists[b].token[r]);
        rows[b].parent.push_back(lists[b].parent[r] - skipped);
      }
    }
    const Pass states = first(rows, Logits::kNone);
    return cache_->forward(lists, {.logits = Logits::kLast}, states.hidden.select(2, 0));
  }

  const LanguageModel& adapter_;
  int exit_;
  std::optional<FrequentTokens> frequent_;  // none: every token
  std::optional<HeadCache> cache_;
  std::vector<int> in_front_;  // [B] rows of the round's first pass that stand in front of the root
};

}  // namespace

Registry<Drafter>::Entry kangaroo() {
  return with_stoppers(drafter_entry<Kangaroo, Options>(
      "kangaroo", "The target's first layers and an adapter behind them draft, its other layers verify.",
      "Liu et al. 2024 (Kangaroo)", facts_of));
}

}  // namespace specula
