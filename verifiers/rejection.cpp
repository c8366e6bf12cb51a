#include "verifiers/rejection.h"

#include "framework/decode/ratio_test.h"

namespace specula {
namespace {

class Rejection final : public Verifier {
 public:
  explicit Rejection(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    return ratio_test(
        tree, rows, [&](int row) { return rows.p(row); }, evidence.chance);
  }

  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    const RoundRows rows(tree, p);
    return expected_accepted_by_ratio(tree, rows, [&](int row) { return rows.p(row); });
  }
};

}  // namespace

Registry<Verifier>::Entry rejection() {
  return verifier_entry<Rejection, NoOptions>(
      "rejection", "The ratio test p/q with the residual (p-q)+, on chains and trees.",
      "Leviathan et al. 2023; Miao et al. 2023; Chen et al. 2024", [](const NoOptions&) {
        return Facts{.laws = every_law(),
                     .trees = true,
                     .guarantee = Guarantee::kExact,
                     .policy = Policy::kSampled,
                     .tests_tokens = true,
                     .cost = "O(V) a tested row"};
      });
}

}  // namespace specula
