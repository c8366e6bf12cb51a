#include "verifiers/block.h"

#include "framework/decode/block_test.h"
#include "framework/decode/row_law.h"

namespace specula {
namespace {

class Block final : public Verifier {
 public:
  explicit Block(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    return block_test(tree, RoundRows(tree, evidence.p), evidence.chance);
  }

  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    return expected_accepted_by_block(tree, RoundRows(tree, p));
  }
};

}  // namespace

Registry<Verifier>::Entry block() {
  return verifier_entry<Block, NoOptions>(
      "block", "Judges a chain as one block from its end: never below the ratio test.", "Sun et al. 2024",
      [](const NoOptions&) {
        return Facts{.laws = {Draw::kIid, Draw::kPoint},
                     .guarantee = Guarantee::kExact,
                     .policy = Policy::kSampled,
                     .cost = "O(V) a row, from the last one back to the accepted one"};
      });
}

}  // namespace specula
