#include "verifiers/lenience.h"

#include <algorithm>

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
    Verdict verdict;
    for (int node = 0;;) {
      Residual left(rows.p(node), rows.vocab());
      const int next = below(rows, node);
      if (next > 0) {
        const RowLaw q(tree, rows, next, {});
        if (evidence.chance.accept(left.at(tree.token[next]) / (l_ * q.at_token()), next)) {
          verdict.path.push_back(node = next);
          continue;
        }
        q.reject(left, 1);
      }
      verdict.next = evidence.chance.emit(left, node, static_cast<int>(verdict.path.size()));
      return verdict;
    }
  }

  // Over each drawn token given those above it: sum of min(q, p/l).
  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    const RoundRows rows(tree, p);
    double sum = 0, reached = 1;
    for (int node = 0, row = below(rows, 0); row > 0; node = row, row = below(rows, row)) {
      const double passes = rows.p(node)[tree.token[row]] / (l_ * RowLaw(tree, rows, row, {}).at_token());
      const double h = std::min(1.0, passes);
      sum += reached * (rows.is_drawn(row) ? overlap(rows.p(node), rows.q(row), 1 / l_, rows.vocab()) : h);
      reached *= h;
    }
    return sum;
  }

 private:
  static int below(const RoundRows& rows, int node) {  // 0: nothing
    const std::vector<int> children = rows.candidates(node);
    SPECULA_CHECK(children.size() <= 1, "lenience takes chains; row ", node, " has ", children.size(), " children");
    return children.empty() ? 0 : children.front();
  }

  double l_;
};

}  // namespace

Registry<Verifier>::Entry lenience() {
  return verifier_entry<Lenience, Options>(
      "lenience", "The ratio test p/(l q) with the residual (p-q)+: exact at l = 1, lossy below.",
      "Leviathan et al. 2023", [](const Options& options) {
        return Facts{.laws = {Draw::kPoint, Draw::kIid, Draw::kWithoutReplacement, Draw::kCoupled},
                     .guarantee = options.l == 1 ? Guarantee::kExact : Guarantee::kLossy,
                     .policy = Policy::kSampled,
                     .tests_tokens = true,
                     .cost = "O(1) a tested row, O(V) a round"};
      });
}

}  // namespace specula
