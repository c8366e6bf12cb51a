#include "drafters/self_drafter.h"

namespace specula {

Facts self_facts(const SelfOptions& options, const std::string& place, Policy policy) {
  const Draw law = wanted_law(options.draw, policy);
  Facts facts = stopper_facts(options.stop, cat(place, " stop"), options.length);
  facts.length = 0;  // the stopper's
  facts.laws = {law};
  facts.q_next = law != Draw::kPoint;
  return facts;
}

SelfDrafter::SelfDrafter(const SelfOptions& options, const std::string& place, const Parts& parts)
    : options_(options), stop_(chain_stop(options.stop, cat(place, " stop"), parts, options.length)) {}

void SelfDrafter::begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
                        const Pass& /*prefill*/) {
  stop_.begin(prefixes.size());
}

void SelfDrafter::observe(const Feedback& feedback) { stop_.observe(feedback); }

std::vector<std::pair<std::string, double>> SelfDrafter::notes(size_t b) const { return stop_.notes(b); }

std::vector<DraftTree> SelfDrafter::chains(const Round& round,
                                           const std::function<Pass(const std::vector<RowList>&)>& forward) {
  const size_t batch = round.prefixes.size();
  ChainDraft how{.forward = forward,
                 .catch_up = std::vector<std::vector<Token>>(batch),
                 .depth = std::vector<int>(batch),
                 .draw = wanted_law(options_.draw, round.policy),
                 .q_next = round.q_next,
                 .stop = &stop_};
  for (size_t b = 0; b < batch; ++b) {
    if (round.done[b] != 0) continue;
    how.catch_up[b] = catch_up(b, round.prefixes[b]);
    how.depth[b] = round.depth_limit(b, options_.length);
  }
  return draft_chains(round, how);
}

std::vector<DraftTree> SelfDrafter::chains(const Round& round, const Ask& ask) {
  auto trees = chains(round, passes_of(round.target, round.target_cache, ask));
  roll_back(round);
  return trees;
}

void SelfDrafter::roll_back(const Round& round) {
  for (size_t b = 0; b < round.prefixes.size(); ++b) round.target_cache.rollback(static_cast<int>(b));
}

}  // namespace specula
