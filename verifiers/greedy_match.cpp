#include "verifiers/greedy_match.h"

#include "framework/decode/follow.h"

namespace specula {
namespace {

class GreedyMatch final : public Verifier {
 public:
  explicit GreedyMatch(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    Dims dims;
    dims.check(evidence.p, "p", "R V");
    const float* p = evidence.p.const_data_ptr<float>();
    const int64_t vocab = dims['V'];
    return follow(tree, [&](int row, int /*depth*/) { return argmax(p + row * vocab, vocab); });
  }
};

}  // namespace

Registry<Verifier>::Entry greedy_match() {
  return verifier_entry<GreedyMatch, NoOptions>(
      "greedy_match", "Accepts what the target's most likely tokens would have been.",
      "Leviathan et al. 2023; Miao et al. 2023", [](const NoOptions&) {
        return Facts{.laws = {Draw::kPoint, Draw::kIid, Draw::kWithoutReplacement, Draw::kCoupled},
                     .trees = true,
                     .guarantee = Guarantee::kGreedyExact,
                     .policy = Policy::kGreedy,
                     .one_hot = true};
      });
}

}  // namespace specula
