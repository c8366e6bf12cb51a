#include "verifiers/gumbel_coupled.h"

#include <limits>
#include <numeric>

#include "framework/decode/coupled_draw.h"
#include "framework/decode/follow.h"
#include "framework/decode/round_rows.h"

namespace specula {
namespace {

// The expected accepted length below a node.  A coupled row knows the noise: given that q's race gave its token, p's
// race follows another law than p, for the token itself and for its siblings.
class Expected {
 public:
  Expected(const DraftTree& tree, const Tensor& p) : tree_(tree), rows_(tree, p) {}

  double below(int node) const {
    const std::vector<int> children = rows_.candidates(node);
    int coupled = -1;
    for (const int child : children) {
      if (tree_.draw[child] != Draw::kCoupled) continue;
      if (coupled >= 0) return std::numeric_limits<double>::quiet_NaN();  // the noise of two: no closed form is known
      coupled = child;
    }
    const bool is_alone = children.size() == 1 && rows_.is_drawn(children.front());
    double sum = is_alone ? over_tokens(node, children.front()) : 0;
    for (const int child : distinct_candidates(tree_, rows_, node)) {
      const double h = acceptance(node, child, coupled);
      if (!is_alone) sum += h;
      if (h > 0) sum += h * below(child);
    }
    return sum;
  }

 private:
  // The probability that p's race gives the child's token, given the token of the coupled child.
  double acceptance(int node, int child, int coupled) const {
    const Token x = tree_.token[child];
    if (coupled < 0) return rows_.p(node)[x];
    const float* q = rows_.q(coupled);
    const Token d = tree_.token[coupled];
    return coupled_probability(rows_.p(node), q, rows_.vocab(), x, d) / q[d];
  }

  // Of an only child, over all tokens that it can be.
  double over_tokens(int node, int child) const {
    const float *p = rows_.p(node), *q = rows_.q(child);
    if (tree_.draw[child] != Draw::kCoupled) return std::inner_product(p, p + rows_.vocab(), q, 0.0);
    std::vector<double> both(static_cast<size_t>(rows_.vocab()));
    coupled_agreement(p, q, rows_.vocab(), both.data());
    return std::accumulate(both.begin(), both.end(), 0.0);
  }

  const DraftTree& tree_;
  const RoundRows rows_;
};

class GumbelCoupled final : public Verifier {
 public:
  explicit GumbelCoupled(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    return follow(tree,
                  [&](int row, int depth) { return evidence.chance.draw_coupled(rows.p(row), rows.vocab(), depth); });
  }

  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    return Expected(tree, p).below(0);
  }
};

}  // namespace

Registry<Verifier>::Entry gumbel_coupled() {
  return verifier_entry<GumbelCoupled, NoOptions>(
      "gumbel_coupled", "Draft and target race with the same noise; the text is the baseline's.", "Daliri et al. 2025",
      [](const NoOptions&) {
        return Facts{.laws = every_law(),
                     .trees = true,
                     .guarantee = Guarantee::kCoupled,
                     .policy = Policy::kCoupled,
                     .cost = "O(V) a visited row"};
      });
}

}  // namespace specula
