#include "drafters/draft_model.h"

#include "framework/decode/chain_draft.h"
#include "framework/decode/rows.h"

namespace specula {
namespace {

struct Options {
  ModelName model{"draft"};
  int length = 4;
  std::string draw = "auto";
  template <class V>
  void visit(V& v) {
    v("model", model, "the draft model, of the target's vocabulary");
    v("length", length, 1, 64, "tokens drafted in a round (gamma)", "tokens");
    v("draw", draw, {"auto", "sample", "greedy"},
      "sample: draw from q; greedy: take its most likely token; auto: what the verifier wants");
  }
  bool samples(Policy policy) const { return draw == "sample" || (draw == "auto" && policy == Policy::kSampled); }
};

class DraftModel final : public Drafter {
 public:
  DraftModel(Options options, const Parts& parts)
      : options_(std::move(options)), model_(parts.model(options_.model.name)) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    size_t longest = 0;
    for (const Prefix& prefix : prefixes) longest = std::max(longest, prefix.size());
    cache_ = model_.new_cache(static_cast<int>(prefixes.size()), static_cast<int64_t>(longest) + 256);
    prefill(model_, *cache_, prefixes, {.logits = Logits::kNone});
  }

  std::vector<DraftTree> draft(const Round& round) override {
    const size_t batch = round.prefixes.size();
    ChainDraft how{.model = model_,
                   .cache = *cache_,
                   .catch_up = std::vector<std::vector<Token>>(batch),
                   .depth = std::vector<int>(batch),
                   .sample = options_.samples(round.policy)};
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      const Prefix& prefix = round.prefixes[b];
      how.catch_up[b].assign(prefix.begin() + cache_->size(static_cast<int>(b)), prefix.end());
      how.depth[b] = round.depth_limit(b, options_.length);
    }
    return draft_chains(round, how);
  }

  // Keeps what was fed and is now committed text: the caught-up tokens and the accepted drafts, but never the new root.
  void observe(const Feedback& feedback) override {
    for (size_t b = 0; b < feedback.prefixes.size(); ++b) {
      const int sequence = static_cast<int>(b);
      const int tentative = cache_->tentative(sequence);
      if (tentative == 0) continue;
      const DraftTree& tree = feedback.drafts[b];
      const int fed_drafts = tree.size() - 2;  // of size() - 1 drafts all but the last
      const int keep =
          tentative - fed_drafts + std::min(fed_drafts, static_cast<int>(feedback.verdicts[b].path.size()));
      cache_->commit(sequence, first_slots(keep));
    }
  }

 private:
  Options options_;
  const LanguageModel& model_;
  std::unique_ptr<KvCache> cache_;
};

}  // namespace

Registry<Drafter>::Entry draft_model() {
  return drafter_entry<DraftModel, Options>(
      "draft_model", "A smaller model of the same vocabulary drafts a chain.",
      "Leviathan et al. 2023; Chen et al. 2023", [](const Options& options, Policy policy) {
        return Facts{.laws = {options.samples(policy) ? Draw::kIid : Draw::kPoint}, .models = {options.model.name}};
      });
}

}  // namespace specula
