#include "verifiers/synthetic.h"

#include <algorithm>

#include "framework/decode/round_rows.h"

namespace specula {
namespace {

struct Options {
  double rate = 0.8;  // an easy pair: chosen so that a chain of four gives about 2.4
  double length = 0;
  template <class V>
  void visit(V& v) {
    v("rate", rate, 0, 1, "probability that a draft passes once the ones above it did");
    v("length", length, 0, 64, "mean number of accepted drafts instead, in rounds of at least that depth; 0: use rate",
      "tokens");
  }
};

class Synthetic final : public Verifier {
 public:
  explicit Synthetic(Options options) : options_(options) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    Verdict verdict{.notes = {{"synthetic", 1}}};
    int node = 0;
    for (int depth = 1;; ++depth) {
      const std::vector<int> children = rows.candidates(node);
      if (children.empty() || !evidence.chance.accept(rate_at(depth), children.front())) break;
      node = children.front();
      verdict.path.push_back(node);
    }
    verdict.next = evidence.chance.emit({rows.p(node), rows.vocab()}, node, static_cast<int>(verdict.path.size()));
    return verdict;
  }

  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    const RoundRows rows(tree, p);
    double sum = 0, reached = 1;
    int depth = 1;
    for (std::vector<int> next = rows.candidates(0); !next.empty(); next = rows.candidates(next.front()))
      sum += reached *= rate_at(depth++);
    return sum;
  }

 private:
  // Of the draft at that depth (the root has 0), given that the ones above it passed.
  double rate_at(int depth) const {
    return options_.length > 0 ? std::clamp(options_.length - (depth - 1), 0.0, 1.0) : options_.rate;
  }

  Options options_;
};

}  // namespace

Registry<Verifier>::Entry synthetic() {
  return verifier_entry<Synthetic, Options>(
      "synthetic", "Benchmarking only, the text is not the target's: accepts at a configured rate.", "",
      [](const Options& /*options*/) {
        return Facts{.laws = every_law(),
                     .trees = true,
                     .guarantee = Guarantee::kLossy,
                     .policy = Policy::kSampled,
                     .tests_tokens = true,
                     .cost = "O(V) a round"};
      });
}

}  // namespace specula
