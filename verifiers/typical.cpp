#include "verifiers/typical.h"

#include <cmath>

#include "framework/decode/longest_path.h"

namespace specula {
namespace {

struct Options {
  double epsilon = 0.09;  // Cai et al.'s posterior_threshold and, about its root, posterior_alpha
  double alpha = 0.3;
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon, 0, 1, "a draft that the target gives more than this always passes");
    v("alpha", alpha, 0, 1, "factor of exp(-entropy), the threshold where the target is unsure");
  }
};

double entropy(const float* p, int64_t vocab) {
  double sum = 0;
  for (int64_t x = 0; x < vocab; ++x) {
    if (p[x] > 0) sum -= static_cast<double>(p[x]) * std::log(static_cast<double>(p[x]) + 1e-5);
  }
  return sum;
}

class Typical final : public Verifier {
 public:
  explicit Typical(Options options) : options_(options) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    std::vector<double> loosened(tree.token.size(), -1);  // alpha exp(-H) after each row; -1: not yet known
    Verdict verdict;
    verdict.path = longest_path(tree, rows, [&](int row) {
      const int parent = tree.parent[row];
      const double mass = rows.p(parent)[tree.token[row]];
      if (mass > options_.epsilon || !(mass > 0)) return mass > 0;  // the entropy cannot change it
      if (loosened[parent] < 0) loosened[parent] = options_.alpha * std::exp(-entropy(rows.p(parent), rows.vocab()));
      return mass > loosened[parent];
    });
    const int end = verdict.path.empty() ? 0 : verdict.path.back();
    verdict.next = evidence.chance.emit({rows.p(end), rows.vocab()}, end, static_cast<int>(verdict.path.size()));
    return verdict;
  }

 private:
  Options options_;
};

}  // namespace

Registry<Verifier>::Entry typical() {
  return verifier_entry<Typical, Options>(
      "typical", "Keeps the longest path of drafts above a threshold that falls with the target's entropy.",
      "Cai et al. 2024", [](const Options& /*options*/) {
        return Facts{.laws = every_law(),
                     .trees = true,
                     .guarantee = Guarantee::kLossy,
                     .policy = Policy::kGreedy,
                     .tests_tokens = true,
                     .cost = "O(1) a tested row, O(V) a row with an unlikely child"};
      });
}

}  // namespace specula
