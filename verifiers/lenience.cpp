#include "verifiers/lenience.h"

#include <algorithm>

#include "framework/decode/descend.h"
#include "framework/decode/row_law.h"

namespace specula {
namespace {

struct Options {
  double l = 0.5;  // chosen: half the draft counts
  template <class V>
  void visit(V& v) {
    v("l", l, 0.01, 1, "factor of the draft's probability in the ratio; 1: exact, less: more drafts pass");
  }
};

class Lenience final : public Verifier {
 public:
  explicit Lenience(Options options) : l_(options.l) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    const auto law = [&](int row) { return rows.p(row); };
    return descend(rows, law, evidence.chance, [&](const std::vector<int>& children, Residual& left) {
      if (children.empty()) return -1;
      SPECULA_CHECK(children.size() == 1, "lenience takes chains; row ", children.front(), " has siblings");
      const RowLaw q(tree, rows, children.front(), {});
      if (evidence.chance.accept(left.at(tree.token[children.front()]) / (l_ * q.at_token()), children.front()))
        return children.front();
      q.reject(left, 1);
      return -1;
    });
  }

  // Over each drawn token given those above it: sum of min(q, p/l).
  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    const RoundRows rows(tree, p);
    double sum = 0, reached = 1;
    const std::vector<int> chain = rows.chain();
    for (size_t i = 1; i < chain.size(); ++i) {
      const float* above = rows.p(chain[i - 1]);
      const int row = chain[i];
      const double h = std::min(1.0, above[tree.token[row]] / (l_ * RowLaw(tree, rows, row, {}).at_token()));
      sum += reached * (rows.is_drawn(row) ? overlap(above, rows.q(row), 1 / l_, rows.vocab()) : h);
      reached *= h;
    }
    return sum;
  }

 private:
  double l_;
};

}  // namespace

Registry<Verifier>::Entry lenience() {
  return verifier_entry<Lenience, Options>(
      "lenience", "The ratio test p/(l q) with the residual (p-q)+: exact at l = 1, lossy below.",
      "Leviathan et al. 2023", [](const Options& options) {
        return Facts{.laws = every_law(),
                     .guarantee = options.l == 1 ? Guarantee::kExact : Guarantee::kLossy,
                     .policy = Policy::kSampled,
                     .tests_tokens = true,
                     .cost = "O(1) a tested row, O(V) a round"};
      });
}

}  // namespace specula
