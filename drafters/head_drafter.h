// What the drafters share that draft with a head of the target: medusa, hydra, mlp_speculator, eagle, eagle2, eagle3,
// peagle, mtp, block_diffusion, kangaroo (head_of alone).  They differ in the network (framework/model/heads), in the
// tree that is usual, and in nothing else here. Licence: Apache-2.0.
#pragma once

#include <optional>
#include <string>

#include "drafters/frequent_options.h"
#include "drafters/tree_options.h"
#include "framework/decode/head_cache.h"

namespace specula {

struct HeadOptions {
  ModelName head;
  TreeOptions tree;
  FrequentOptions frequent;
  template <class V>
  void visit(V& v) {
    v("head", head, "the entry of [models] with the head, which was trained for the target");
    tree.visit(v);
    frequent.visit(v);
  }
};

struct HeadPlugin {
  std::string name;    // of the drafter
  std::string kind;    // of the head: HeadTraits::kind
  std::string memory;  // Facts::memory
};
inline constexpr const char* kLayerMemory = "keys and values of one layer for each token of the text";
inline constexpr const char* kStateMemory = "a state of the target for each sequence";

// Throws ConfigError where the entry is no such head.
const LanguageModel& head_of(const ModelName& name, const HeadPlugin& plugin, const Parts& parts);
Facts head_facts(const HeadOptions& options, const HeadPlugin& plugin, Policy policy);

class HeadDrafter : public Drafter {
 public:
  // Throws ConfigError where the entry is no such head, or the tree is deeper than it can name.
  HeadDrafter(const HeadOptions& options, const HeadPlugin& plugin, const Parts& parts)
      : HeadDrafter(options, plugin, parts, head_of(options.head, plugin, parts)) {}
  // With a head that stands for the entry's and outlives this.
  HeadDrafter(const HeadOptions& options, const HeadPlugin& plugin, const Parts& parts, const LanguageModel& head);

  Ask needs() const override { return {.logits = Logits::kNone, .hidden = head_.head_traits()->sites}; }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override;
  std::vector<DraftTree> draft(const Round& round) override { return drafting_.draft(round, *cache_); }
  void observe(const Feedback& feedback) override;
  std::vector<std::pair<std::string, double>> notes(size_t b) const override { return drafting_.notes(b); }

 private:
  const LanguageModel& head_;
  TreeDrafting drafting_;
  std::optional<FrequentTokens> frequent_;  // none: every token
  std::optional<HeadCache> cache_;
};

// `Options` is a HeadOptions with defaults of its own, and names the plug-in: static HeadPlugin plugin().
template <class Options>
Registry<Drafter>::Entry head_entry(const std::string& summary, const std::string& paper) {
  struct Plugin final : HeadDrafter {
    Plugin(const Options& options, const Parts& parts) : HeadDrafter(options, Options::plugin(), parts) {}
  };
  return with_tree(drafter_entry<Plugin, Options>(
      Options::plugin().name, summary, paper,
      [](const Options& options, Policy policy) { return head_facts(options, Options::plugin(), policy); }));
}

}  // namespace specula
