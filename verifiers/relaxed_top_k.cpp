#include "verifiers/relaxed_top_k.h"

#include <cmath>

#include "framework/decode/longest_path.h"

namespace specula {
namespace {

struct Options {
  int k = 10;  // k and delta as in TensorRT-LLM's guides to DeepSeek-R1; its delta may be of another scale
  double delta = 0.6;
  template <class V>
  void visit(V& v) {
    v("k", k, 1, 1000, "a draft must be among so many most likely tokens of the target", "tokens");
    v("delta", delta, 0, 100, "how much less likely than the most likely one it may be", "nats");
  }
};

class RelaxedTopK final : public Verifier {
 public:
  explicit RelaxedTopK(Options options) : k_(options.k), share_(std::exp(-options.delta)) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    Verdict verdict;
    verdict.path = longest_path(
        tree, rows, [&](int row) { return passes(rows.p(tree.parent[row]), rows.vocab(), tree.token[row]); });
    const int end = verdict.path.empty() ? 0 : verdict.path.back();
    verdict.next = evidence.chance.emit({rows.p(end), rows.vocab()}, end, static_cast<int>(verdict.path.size()));
    return verdict;
  }

 private:
  bool passes(const float* p, int64_t vocab, Token d) const {
    float top = p[d];
    int before = 0;  // tokens that rank above d
    for (int64_t x = 0; x < vocab; ++x) {
      top = std::max(top, p[x]);
      before += p[x] > p[d] || (p[x] == p[d] && x < d) ? 1 : 0;
    }
    return p[d] > 0 && before < k_ && p[d] >= share_ * top;
  }

  int k_;
  double share_;  // exp(-delta)
};

}  // namespace

Registry<Verifier>::Entry relaxed_top_k() {
  return verifier_entry<RelaxedTopK, Options>(
      "relaxed_top_k", "Keeps the longest path of drafts among the target's k most likely, within delta of the first.",
      "", [](const Options& /*options*/) {
        return Facts{.laws = every_law(),
                     .trees = true,
                     .guarantee = Guarantee::kLossy,
                     .policy = Policy::kGreedy,
                     .tests_tokens = true,
                     .cost = "O(V) a tested row"};
      });
}

}  // namespace specula
