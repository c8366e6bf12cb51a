#include "verifiers/rejection.h"

#include <algorithm>

#include "framework/decode/probability.h"

namespace specula {
namespace {

// The factor that renormalises q [V] after the earlier siblings lost their mass; 0 if nothing is left.
double renormalisation(const float* q, int64_t vocab, const std::vector<Token>& earlier) {
  double left = total(q, vocab);
  std::vector<Token> seen;
  for (const Token x : earlier) {
    if (std::find(seen.begin(), seen.end(), x) != seen.end()) continue;
    seen.push_back(x);
    left -= q[x];
  }
  return left > 0 ? 1 / left : 0;
}

class Rejection final : public Verifier {
 public:
  explicit Rejection(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    Dims dims;
    dims.check(evidence.p, "p", "R V");
    if (tree.q.defined()) dims.check(tree.q, "q", "G V");
    SPECULA_CHECK(dims['R'] == tree.size() && evidence.p.is_contiguous() &&
                  (!tree.q.defined() || tree.q.is_contiguous()));
    const float* p = evidence.p.const_data_ptr<float>();
    const int64_t vocab = dims['V'];
    Verdict verdict;
    for (int node = 0;;) {
      Residual left(p + node * vocab, vocab);
      const int accepted = try_children(tree, node, left, evidence);
      if (accepted >= 0) {
        verdict.path.push_back(accepted);
        node = accepted;
        continue;
      }
      // A draw from p untouched is the target's own, keyed as plain sampling keys it; one from a residual is this
      // round's.
      const auto depth = static_cast<int64_t>(verdict.path.size());
      const double u =
          left.untouched()
              ? evidence.keys.uniform(Use::kTarget, evidence.request, evidence.start + depth, 0)
              : evidence.keys.uniform(Use::kResidual, evidence.request, evidence.start, static_cast<uint32_t>(node));
      verdict.next = left.draw(u);
      return verdict;
    }
  }

 private:
  // The accepted child, or -1 with `left` being what remains of p after all were rejected.
  static int try_children(const DraftTree& tree, int node, Residual& left, const Evidence& evidence) {
    std::vector<Token> earlier;
    for (const int child : tree.children(node)) {
      if (tree.draw[child] == Draw::kProbe) continue;
      const Token x = tree.token[child];
      const double u =
          evidence.keys.uniform(Use::kAccept, evidence.request, evidence.start, static_cast<uint32_t>(child));
      if (tree.draw[child] == Draw::kPoint) {
        if (u < left.at(x)) return child;
        left.remove(x);
      } else {
        const bool without = tree.draw[child] == Draw::kWithoutReplacement;
        SPECULA_CHECK(without || tree.draw[child] == Draw::kIid, "row ", child, " is drawn ",
                      name_of(tree.draw[child]));
        const int64_t vocab = tree.q.size(1);
        const float* q = tree.q.const_data_ptr<float>() + tree.q_row[child] * vocab;
        const std::vector<Token> removed = without ? earlier : std::vector<Token>{};
        const double scale = renormalisation(q, vocab, removed);
        SPECULA_CHECK(scale * q[x] > 0, "row ", child, ": q gives its token ", x,
                      " no mass; such a token must be a point");
        if (u * scale * q[x] < left.at(x)) return child;  // u < P(x)/q(x), without the division
        left.subtract(q, scale, removed);
      }
      earlier.push_back(x);
    }
    return -1;
  }
};

}  // namespace

Registry<Verifier>::Entry rejection() {
  return verifier_entry<Rejection, NoOptions>(
      "rejection", "The ratio test p/q with the residual (p-q)+, on chains and trees.",
      "Leviathan et al. 2023; Miao et al. 2023; Chen et al. 2024", [](const NoOptions&) {
        return Facts{.laws = {Draw::kPoint, Draw::kIid, Draw::kWithoutReplacement},
                     .trees = true,
                     .guarantee = Guarantee::kExact,
                     .policy = Policy::kSampled};
      });
}

}  // namespace specula
