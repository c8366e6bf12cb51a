#include "verifiers/kseq.h"

#include <algorithm>
#include <cmath>

#include "framework/decode/descend.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

// The rule at one node: p and the siblings' q, both [V].
class Node {
 public:
  Node(const float* p, const float* q, int64_t vocab, size_t k)
      : p_(p), q_(q), vocab_(vocab), k_(static_cast<double>(k)), rho_(solve()) {
    beta_ = beta(rho_);
  }

  double acceptance(Token x) const { return std::min(1.0, p_[x] / (rho_ * q_[x])); }
  double accepted() const { return accepted(beta_); }  // over all draws of the siblings

  std::vector<double> left() const {  // [V] not normalised
    const double scale = beta_ > 0 ? accepted() / beta_ : 0;
    std::vector<double> mass(static_cast<size_t>(vocab_));
    for (int64_t x = 0; x < vocab_; ++x) mass[x] = std::max(0.0, p_[x] - scale * std::min<double>(q_[x], p_[x] / rho_));
    return mass;
  }

 private:
  double beta(double rho) const { return std::min(1.0, overlap(p_, q_, 1 / rho, vocab_)); }
  double accepted(double beta) const { return 1 - std::pow(1 - beta, k_); }

  // The upper end of the bracket: the rule is exact for every rho not below the solution, and leaves a negative
  // residual below it.
  double solve() const {
    constexpr double kWidth = 1e-9;
    double low = 1, high = k_;
    while (high - low > kWidth) {
      const double middle = (low + high) / 2, b = beta(middle);
      (accepted(b) > middle * b ? low : high) = middle;
    }
    return high;
  }

  const float* p_;
  const float* q_;
  int64_t vocab_;
  double k_, rho_, beta_ = 0;
};

void check_siblings(const DraftTree& tree, const std::vector<int>& children) {
  for (const int child : children) {
    SPECULA_CHECK(tree.draw[child] == Draw::kIid && tree.q_row[child] == tree.q_row[children.front()], "row ", child,
                  " is drawn ", name_of(tree.draw[child]), " from row ", tree.q_row[child],
                  " of q; kseq takes i.i.d. siblings of one q, here row ", tree.q_row[children.front()]);
  }
}

// Below `node`, which is reached: expected number of accepted rows, over the draws of its children and over the coins
// below them.
double expected_below(const DraftTree& tree, const RoundRows& rows, int node) {
  const std::vector<int> children = rows.candidates(node);
  if (children.empty()) return 0;
  check_siblings(tree, children);
  const Node rule(rows.p(node), rows.q(children.front()), rows.vocab(), children.size());
  double sum = rule.accepted(), reached = 1;
  for (const int child : children) {
    const double h = rule.acceptance(tree.token[child]);
    if (reached * h > 0) sum += reached * h * expected_below(tree, rows, child);
    reached *= 1 - h;
  }
  return sum;
}

class KSeq final : public Verifier {
 public:
  explicit KSeq(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    const auto law = [&](int row) { return rows.p(row); };
    return descend(rows, law, evidence.chance, [&](const std::vector<int>& children, Residual& left) {
      if (children.empty()) return -1;
      check_siblings(tree, children);
      const Node rule(rows.p(tree.parent[children.front()]), rows.q(children.front()), rows.vocab(), children.size());
      for (const int child : children) {
        if (evidence.chance.accept(rule.acceptance(tree.token[child]), child)) return child;
      }
      left.replace(rule.left());
      return -1;
    });
  }

  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    return expected_below(tree, RoundRows(tree, p), 0);
  }
};

}  // namespace

Registry<Verifier>::Entry kseq() {
  return verifier_entry<KSeq, NoOptions>(
      "kseq", "Siblings tried in order against p/(rho q): near the optimum for i.i.d. siblings.", "Sun et al. 2023",
      [](const NoOptions&) {
        return Facts{.laws = {Draw::kIid},
                     .trees = true,
                     .guarantee = Guarantee::kExact,
                     .policy = Policy::kSampled,
                     .tests_tokens = true,
                     .cost = "O(V) a visited node, times 30 where it has siblings"};
      });
}

}  // namespace specula
