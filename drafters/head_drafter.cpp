#include "drafters/head_drafter.h"

namespace specula {

const LanguageModel& head_of(const ModelName& name, const HeadPlugin& plugin, const Parts& parts) {
  const LanguageModel& model = parts.model(name.name);
  const HeadTraits* traits = model.head_traits();
  if (traits == nullptr || traits->kind != plugin.kind) {
    throw ConfigError(cat(plugin.name, " head = ", quoted(name.name), ": expected a head of kind '", plugin.kind,
                          "'; it is ", traits == nullptr ? "a model of its own" : cat("of kind '", traits->kind, "'")));
  }
  return model;
}

Facts head_facts(const HeadOptions& options, const HeadPlugin& plugin, Policy policy) {
  Facts facts = tree_facts(options.tree, plugin.name, policy);
  facts.heads = {{options.head.name, plugin.kind}};
  facts.memory = plugin.memory;
  add_frequent(options.frequent, plugin.name, facts);
  return facts;
}

HeadDrafter::HeadDrafter(const HeadOptions& options, const HeadPlugin& plugin, const Parts& parts,
                         const LanguageModel& head)
    : head_(head), drafting_(options.tree, plugin.name, parts), frequent_(frequent_of(options.frequent, head_, parts)) {
  const int most = head_.head_traits()->depth;
  if (most > 0 && drafting_.depth() > most) {
    throw ConfigError(cat(plugin.name, " drafts ", drafting_.depth(), " tokens deep, but '", options.head.name,
                          "' names ", most, ": expected length or a tree of at most ", most));
  }
}

void HeadDrafter::begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/, const Pass& prefill) {
  cache_.emplace(frequent_ ? *frequent_ : head_, prefixes, prefill);
  drafting_.begin(prefixes.size());
}

void HeadDrafter::observe(const Feedback& feedback) {
  cache_->observe(feedback);
  drafting_.observe(feedback);
}

}  // namespace specula
