#include "verifiers/traversal.h"

#include <algorithm>

#include "framework/decode/row_law.h"

namespace specula {
namespace {

// One walk over the tree.  A subtree touches only rates and laws inside itself, so what a later sibling starts with is
// computed when its turn comes.
class Walk {
 public:
  Walk(const DraftTree& tree, const Tensor& p, Chance& chance) : tree_(tree), rows_(tree, p), chance_(chance) {}

  Verdict take() {
    visit(0, 1);
    return std::move(verdict_);
  }

 private:
  // Judges all below `node` and then the node itself; true if the round has ended there.
  bool visit(int node, double rate) {
    Residual left(rows_.p(node), rows_.vocab());
    std::vector<Token> earlier;
    for (const int child : rows_.candidates(node)) {
      const RowLaw law(tree_, rows_, child, earlier);
      const Token x = tree_.token[child];
      verdict_.path.push_back(child);
      if (visit(child, std::min(1.0, rate * left.at(x) / law.at_token()))) return true;
      verdict_.path.pop_back();
      rate = kept_of(law.reject(left, rate), rate);
      earlier.push_back(x);
    }
    if (node > 0 && !chance_.accept(rate, node)) return false;
    verdict_.next = chance_.emit(left, node, static_cast<int>(verdict_.path.size()));
    return true;
  }

  const DraftTree& tree_;
  const RoundRows rows_;
  Chance& chance_;
  Verdict verdict_;
};

// Every coin fails: the one order in which all of them are tossed, each with the probability that it is reached.
class NothingAccepted final : public Chance {
 public:
  explicit NothingAccepted(const DraftTree& tree) : tree_(tree) {}
  double expected = 0;

  int choose(std::span<const double> h, int row) override {
    const double accepted = std::min(h.front(), 1.0);
    expected += reached_ * accepted * tree_.depth(row);
    reached_ *= 1 - accepted;
    return -1;
  }
  Token draw_target(const float* /*p*/, int64_t /*vocab*/, int /*depth*/) override { return 0; }
  Token draw_coupled(const float* /*p*/, int64_t /*vocab*/, int /*depth*/) override { return 0; }
  Token emit(const Residual& /*left*/, int /*node*/, int /*depth*/) override { return 0; }

 private:
  const DraftTree& tree_;
  double reached_ = 1;
};

class Traversal final : public Verifier {
 public:
  explicit Traversal(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    return Walk(tree, evidence.p, evidence.chance).take();
  }

  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    const RoundRows rows(tree, p);
    if (rows.is_chain()) return expected_accepted_by_block(tree, rows);
    NothingAccepted chance(tree);
    Walk(tree, p, chance).take();
    return chance.expected;
  }
};

}  // namespace

Registry<Verifier>::Entry traversal() {
  return verifier_entry<Traversal, NoOptions>("traversal", "Judges a tree from its leaves up; on chains it is `block`.",
                                              "Weng et al. 2025", [](const NoOptions&) {
                                                return Facts{
                                                    .laws = {Draw::kPoint, Draw::kIid, Draw::kWithoutReplacement},
                                                    .trees = true,
                                                    .guarantee = Guarantee::kExact,
                                                    .policy = Policy::kSampled,
                                                    .cost = "O(V) a deleted row"};
                                              });
}

}  // namespace specula
