#include "verifiers/block.h"

#include <algorithm>

#include "framework/decode/row_law.h"

namespace specula {
namespace {

class Block final : public Verifier {
 public:
  explicit Block(NoOptions /*options*/) {}

  // Coins from the last token back, so that the first success is the answer and no later uniform is looked at.
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    const std::vector<int> chain = rows.chain();
    std::vector<RowLaw> laws;  // of chain[i + 1]
    std::vector<double> deserved{1};
    for (size_t i = 1; i < chain.size(); ++i) {
      laws.emplace_back(tree, rows, chain[i], std::vector<Token>{});
      const double ratio = rows.p(chain[i - 1])[tree.token[chain[i]]] / laws.back().at_token();
      deserved.push_back(std::min(1.0, deserved.back() * ratio));
    }
    for (size_t i = chain.size() - 1;; --i) {
      const bool is_last = i + 1 == chain.size();
      if (i > 0) {
        const double h =
            is_last ? deserved[i] : kept_of(laws[i].rest(rows.p(chain[i]), rows.vocab(), deserved[i]), deserved[i]);
        if (!evidence.chance.accept(h, chain[i])) continue;
      }
      Residual left(rows.p(chain[i]), rows.vocab());
      if (!is_last) laws[i].reject(left, deserved[i]);
      Verdict verdict{.path = {chain.begin() + 1, chain.begin() + 1 + static_cast<std::ptrdiff_t>(i)}};
      verdict.next = evidence.chance.emit(left, chain[i], static_cast<int>(i));
      return verdict;
    }
  }

  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    return expected_accepted_by_block(tree, RoundRows(tree, p));
  }
};

}  // namespace

Registry<Verifier>::Entry block() {
  return verifier_entry<Block, NoOptions>(
      "block", "Judges a chain as one block from its end: never below the ratio test.", "Sun et al. 2024",
      [](const NoOptions&) {
        return Facts{.laws = {Draw::kIid, Draw::kPoint},
                     .guarantee = Guarantee::kExact,
                     .policy = Policy::kSampled,
                     .cost = "O(V) a row, from the last one back to the accepted one"};
      });
}

}  // namespace specula
