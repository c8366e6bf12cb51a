#include "verifiers/threshold.h"

#include <algorithm>

#include "framework/decode/descend.h"

namespace specula {
namespace {

constexpr double kLeastAcc = 1e-9;  // SGLang's own bound; 0 would divide by 0

struct Options {
  double single = 1, acc = 1;  // SGLang's defaults
  template <class V>
  void visit(V& v) {
    v("single", single, 0, 1, "a draft that the target gives at least this passes without a coin");
    v("acc", acc, 0, 1, "the coin is held against the children's summed probability divided by this");
  }
  bool is_exact() const { return single == 1 && acc == 1; }
};

class Threshold final : public Verifier {
 public:
  explicit Threshold(Options options) : options_(options) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    const auto law = [&](int row) { return rows.p(row); };
    return descend(rows, law, evidence.chance, [&](const std::vector<int>& children, Residual& left) {
      if (children.empty()) return -1;
      const int chosen = choose(tree, rows.p(tree.parent[children.front()]), children, evidence.chance);
      if (chosen >= 0) return children[chosen];
      for (const int child : children) left.remove(tree.token[child]);
      return -1;
    });
  }

 private:
  // Which of the children, which differ in their tokens; -1: none.  Child j has the part of [0,1) between what the ones
  // before it cover and its own bound.
  int choose(const DraftTree& tree, const float* p, const std::vector<int>& children, Chance& chance) const {
    std::vector<double> parts;
    double sum = 0, covered = 0;
    for (const int child : children) {
      const double mass = p[tree.token[child]];
      sum += mass;
      if (mass > 0 && mass >= options_.single) {
        parts.push_back(1);  // all that is left
        break;
      }
      const double bound = std::min(1.0, sum / std::max(options_.acc, kLeastAcc));
      parts.push_back(bound - covered);
      covered = bound;
    }
    return chance.choose(parts, children.front());
  }

  Options options_;
};

}  // namespace

Registry<Verifier>::Entry threshold() {
  return verifier_entry<Threshold, Options>(
      "threshold", "SGLang's thresholds on trees of points: exact where both are 1, lossy below.", "",
      [](const Options& options) {
        return Facts{.laws = {Draw::kPoint},
                     .trees = true,
                     .guarantee = options.is_exact() ? Guarantee::kExact : Guarantee::kLossy,
                     .policy = Policy::kGreedy,
                     .tests_tokens = true,
                     .cost = "O(1) a tested row, O(V) a round"};
      });
}

}  // namespace specula
