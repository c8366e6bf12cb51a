#include "verifiers/agreement.h"

#include "framework/decode/follow.h"

namespace specula {
namespace {

class Agreement final : public Verifier {
 public:
  explicit Agreement(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    Dims dims;
    dims.check(evidence.p, "p", "R V");
    const float* p = evidence.p.const_data_ptr<float>();
    const int64_t vocab = dims['V'];
    return follow(tree, [&](int row, int depth) {
      return pick(p + row * vocab, vocab,
                  evidence.keys.uniform(Use::kTarget, evidence.request, evidence.start + depth, 0));
    });
  }
};

}  // namespace

Registry<Verifier>::Entry agreement() {
  return verifier_entry<Agreement, NoOptions>(
      "agreement", "Emits the target's own draw and accepts the drafts that equal it.", "", [](const NoOptions&) {
        return Facts{.laws = {Draw::kPoint, Draw::kIid, Draw::kWithoutReplacement, Draw::kCoupled},
                     .trees = true,
                     .guarantee = Guarantee::kCoupled,
                     .policy = Policy::kGreedy};
      });
}

}  // namespace specula
