#include "verifiers/agreement.h"

#include "framework/decode/follow.h"
#include "framework/decode/round_rows.h"

namespace specula {
namespace {

class Agreement final : public Verifier {
 public:
  explicit Agreement(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    return follow(tree,
                  [&](int row, int depth) { return evidence.chance.draw_target(rows.p(row), rows.vocab(), depth); });
  }

  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    return expected_accepted_by_following(tree, RoundRows(tree, p));
  }
};

}  // namespace

Registry<Verifier>::Entry agreement() {
  return verifier_entry<Agreement, NoOptions>(
      "agreement", "Emits the target's own draw and accepts the drafts that equal it.", "", [](const NoOptions&) {
        return Facts{.laws = every_law(),
                     .trees = true,
                     .guarantee = Guarantee::kCoupled,
                     .policy = Policy::kGreedy,
                     .cost = "O(V) a visited row"};
      });
}

}  // namespace specula
