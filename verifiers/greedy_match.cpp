#include "verifiers/greedy_match.h"

#include "framework/decode/follow.h"
#include "framework/decode/round_rows.h"
#include "framework/decode/sampler.h"

namespace specula {
namespace {

class GreedyMatch final : public Verifier {
 public:
  explicit GreedyMatch(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    return follow(tree, [&](int row, int /*depth*/) { return argmax(rows.p(row), rows.vocab()); });
  }
};

}  // namespace

Registry<Verifier>::Entry greedy_match() {
  return verifier_entry<GreedyMatch, NoOptions>("greedy_match",
                                                "Accepts what the target's most likely tokens would have been.",
                                                "Leviathan et al. 2023; Miao et al. 2023", [](const NoOptions&) {
                                                  return Facts{.laws = every_law(),
                                                               .trees = true,
                                                               .guarantee = Guarantee::kGreedyExact,
                                                               .policy = Policy::kGreedy,
                                                               .tests_tokens = true,
                                                               .cost = "O(V) a visited row",
                                                               .one_hot = true};
                                                });
}

}  // namespace specula
