#include "drafters/draft_model.h"

#include <optional>

#include "drafters/tree_options.h"
#include "framework/decode/draft_cache.h"
#include "framework/lookup/token_ranks.h"
#include "framework/model/frequent_tokens.h"

namespace specula {
namespace {

struct Options {
  ModelName model{"draft"};
  TreeOptions tree;
  FileName token_ranks;
  int frequent_tokens = 0;
  template <class V>
  void visit(V& v) {
    v("model", model, "the draft model, of the target's vocabulary");
    tree.visit(v);
    v("token_ranks", token_ranks, "of `specula train token_ranks`: draft only the most frequent tokens of a corpus");
    v("frequent_tokens", frequent_tokens, 0, 1 << 30, "so many of token_ranks; 0: all that it lists", "tokens");
  }
};

void add_frequent_tokens(const Options& options, Facts& facts) {
  const std::string& path = options.token_ranks.path;
  if (path.empty() && options.frequent_tokens > 0)
    throw ConfigError(cat("draft_model frequent_tokens = ", options.frequent_tokens,
                          " needs token_ranks, a file that `specula train token_ranks` makes"));
  if (path.empty()) return;
  const int64_t listed = ranked_tokens(path);
  if (options.frequent_tokens > listed)
    throw ConfigError(cat("draft_model frequent_tokens = ", options.frequent_tokens, ": ", path, " lists ", listed));
  facts.files.push_back(path);
  facts.memory += cat(facts.memory.empty() ? "" : "; ", "the frequent tokens' rows of the head once more");
}

Facts facts_of(const Options& options, Policy policy) {
  Facts facts = tree_facts(options.tree, "draft_model", policy);
  facts.models = {options.model.name};
  add_frequent_tokens(options, facts);
  return facts;
}

class DraftModel final : public Drafter {
 public:
  DraftModel(Options options, const Parts& parts)
      : options_(std::move(options)),
        model_(parts.model(options_.model.name)),
        drafting_(options_.tree, "draft_model", parts) {
    if (const std::string& path = options_.token_ranks.path; !path.empty()) {
      const int64_t most = options_.frequent_tokens > 0 ? options_.frequent_tokens : ranked_tokens(path);
      frequent_.emplace(model_, read_token_ranks(path, most, parts));
    }
  }

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    cache_.emplace(frequent_ ? *frequent_ : model_, prefixes);
    drafting_.begin(prefixes.size());
  }

  std::vector<std::pair<std::string, double>> notes(size_t b) const override { return drafting_.notes(b); }
  void observe(const Feedback& feedback) override { drafting_.observe(feedback); }
  std::vector<DraftTree> draft(const Round& round) override { return drafting_.draft(round, *cache_); }

 private:
  Options options_;
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
