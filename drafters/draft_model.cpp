#include "drafters/draft_model.h"

#include <optional>

#include "drafters/frequent_options.h"
#include "drafters/tree_options.h"
#include "framework/decode/draft_cache.h"

namespace specula {
namespace {

struct Options {
  ModelName model{"draft"};
  TreeOptions tree;
  FrequentOptions frequent;
  template <class V>
  void visit(V& v) {
    v("model", model, "the draft model, of the target's vocabulary");
    tree.visit(v);
    frequent.visit(v);
  }
};

Facts facts_of(const Options& options, Policy policy) {
  Facts facts = tree_facts(options.tree, "draft_model", policy);
  facts.models = {options.model.name};
  add_frequent(options.frequent, "draft_model", facts);
  return facts;
}

class DraftModel final : public Drafter {
 public:
  DraftModel(const Options& options, const Parts& parts)
      : model_(parts.model(options.model.name)),
        drafting_(options.tree, "draft_model", parts),
        frequent_(frequent_of(options.frequent, model_, parts)) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    cache_.emplace(frequent_ ? *frequent_ : model_, prefixes);
    drafting_.begin(prefixes.size());
  }

  std::vector<std::pair<std::string, double>> notes(size_t b) const override { return drafting_.notes(b); }
  void observe(const Feedback& feedback) override { drafting_.observe(feedback); }
  std::vector<DraftTree> draft(const Round& round) override { return drafting_.draft(round, *cache_); }

 private:
  const LanguageModel& model_;
  TreeDrafting drafting_;
  std::optional<FrequentTokens> frequent_;  // none: every token
  std::optional<DraftCache> cache_;
};

}  // namespace

Registry<Drafter>::Entry draft_model() {
  return with_tree(drafter_entry<DraftModel, Options>(
      "draft_model", "A smaller model of the same vocabulary drafts a chain or a tree.",
      "Leviathan et al. 2023; Chen et al. 2023; trees: Chen et al. 2024", facts_of));
}

}  // namespace specula
