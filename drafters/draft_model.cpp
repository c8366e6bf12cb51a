#include "drafters/draft_model.h"

#include <optional>

#include "framework/decode/chain_draft.h"

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
    v("draw", draw, {"auto", "sample", "greedy", "coupled"},
      "sample: draw from q; greedy: take its most likely token; coupled: draw from q with the target's own noise; "
      "auto: "
      "what the verifier wants");
  }
  Draw law(Policy policy) const {
    if (draw == "greedy" || (draw == "auto" && policy == Policy::kGreedy)) return Draw::kPoint;
    return draw == "coupled" || (draw == "auto" && policy == Policy::kCoupled) ? Draw::kCoupled : Draw::kIid;
  }
};

class DraftModel final : public Drafter {
 public:
  DraftModel(Options options, const Parts& parts)
      : options_(std::move(options)), model_(parts.model(options_.model.name)) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    cache_.emplace(model_, prefixes);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    const size_t batch = round.prefixes.size();
    ChainDraft how{.forward = passes_of(*cache_),
                   .catch_up = std::vector<std::vector<Token>>(batch),
                   .depth = std::vector<int>(batch),
                   .draw = options_.law(round.policy),
                   .q_next = round.q_next};
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      how.catch_up[b] = cache_->catch_up(static_cast<int>(b), round.prefixes[b]);
      how.depth[b] = round.depth_limit(b, options_.length);
    }
    return draft_chains(round, how);
  }

 private:
  Options options_;
  const LanguageModel& model_;
  std::optional<DraftCache> cache_;
};

}  // namespace

Registry<Drafter>::Entry draft_model() {
  return drafter_entry<DraftModel, Options>(
      "draft_model", "A smaller model of the same vocabulary drafts a chain.",
      "Leviathan et al. 2023; Chen et al. 2023", [](const Options& options, Policy policy) {
        const Draw law = options.law(policy);
        return Facts{.laws = {law}, .q_next = law != Draw::kPoint, .models = {options.model.name}};
      });
}

}  // namespace specula
