#include "drafters/oracle.h"

#include <algorithm>

#include "framework/decode/chain_draft.h"

namespace specula {
namespace {

struct Options {
  double rate = 0.8;
  int length = 4;
  template <class V>
  void visit(V& v) {
    v("rate", rate, 0.0, 1.0,
      "1 - TV(p, q) at every position: the acceptance rate under the ratio test (not below the least likely token's "
      "mass)");
    v("length", length, 1, 64, "tokens drafted in a round (gamma)", "tokens");
  }
};

// TV(p, (1-l) p + l r) = l TV(p, r), and TV(p, r) = 1 - p(x) for r all on token x.  Owns p and changes it.
Tensor blend(Tensor p, double rate) {
  float* mass = p.mutable_data_ptr<float>();
  const int64_t vocab = p.size(1);
  const int64_t rarest = std::min_element(mass, mass + vocab) - mass;
  const double distance = 1 - static_cast<double>(mass[rarest]);
  const double l = distance > 0 ? std::min((1 - rate) / distance, 1.0) : 0;
  for (int64_t x = 0; x < vocab; ++x) mass[x] = static_cast<float>((1 - l) * mass[x]);
  mass[rarest] += static_cast<float>(l);
  return p;
}

class Oracle final : public Drafter {
 public:
  explicit Oracle(Options options) : options_(options) {}

  std::vector<DraftTree> draft(const Round& round) override {
    const PhaseClock::Unbilled unbilled(round.clock);
    const size_t batch = round.prefixes.size();
    ChainDraft how{.forward = passes_of(round.target, round.target_cache),
                   .catch_up = std::vector<std::vector<Token>>(batch),
                   .depth = std::vector<int>(batch),
                   .draw = round.policy == Policy::kCoupled ? Draw::kCoupled : Draw::kIid,
                   .q_next = round.q_next,
                   .q_of_p = [this](Tensor p) { return blend(std::move(p), options_.rate); }};
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      how.catch_up[b] = {round.prefixes[b].back()};
      how.depth[b] = round.depth_limit(b, options_.length);
    }
    std::vector<DraftTree> trees = draft_chains(round, how);
    for (size_t b = 0; b < batch; ++b) round.target_cache.rollback(static_cast<int>(b));
    return trees;
  }

 private:
  Options options_;
};

}  // namespace

Registry<Drafter>::Entry oracle() {
  return drafter_entry<Oracle, Options>("oracle",
                                        "Drafts with a set acceptance rate, its cost not billed: the upper bound.", "",
                                        [](const Options&, Policy policy) {
                                          const bool coupled = policy == Policy::kCoupled;
                                          return Facts{.laws = {coupled ? Draw::kCoupled : Draw::kIid}, .q_next = true};
                                        });
}

}  // namespace specula
