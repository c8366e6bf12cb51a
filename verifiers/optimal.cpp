#include "verifiers/optimal.h"

#include <algorithm>

#include "framework/decode/ratio_test.h"
#include "framework/decode/row_law.h"
#include "framework/decode/transport.h"

namespace specula {
namespace {

struct Options {
  int siblings = 1;
  template <class V>
  void visit(V& v) {
    v("siblings", siblings, 1, 3,
      "most siblings that a node of a draft has; more than 1 needs a vocabulary of at most 8 tokens", "tokens");
  }
};

class Optimal final : public Verifier {
 public:
  explicit Optimal(Options options) : options_(options) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    const auto law = [&](int row) { return rows.p(row); };
    return descend(rows, law, evidence.chance, [&](const std::vector<int>& children, Residual& left) {
      return children.size() > 1 ? choose(tree, rows, children, evidence.chance, left)
                                 : test(tree, rows, children, evidence.chance, left);
    });
  }

  // On chains it is the ratio test's; elsewhere the branches tell.
  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    const RoundRows rows(tree, p);
    if (!rows.is_chain()) return std::nullopt;
    return expected_accepted_by_ratio(tree, rows, [&](int row) { return rows.p(row); });
  }

 private:
  // The transport of one token: the ratio test.
  static int test(const DraftTree& tree, const RoundRows& rows, const std::vector<int>& children, Chance& chance,
                  Residual& left) {
    for (const int child : children) {
      const RowLaw law(tree, rows, child, {});
      if (chance.accept(left.at(tree.token[child]) / law.at_token(), child)) return child;
      law.reject(left, 1);
    }
    return -1;
  }

  // The child that the flow gives to the drawn set, or -1 and what all sets leave of p.
  int choose(const DraftTree& tree, const RoundRows& rows, const std::vector<int>& children, Chance& chance,
             Residual& left) const {
    const int64_t vocab = rows.vocab();
    if (vocab > kTransportVocab || static_cast<int>(children.size()) > options_.siblings)
      throw Error(cat("[verifier optimal] ", children.size(), " siblings on a vocabulary of ", vocab,
                      " tokens: it takes siblings = ", options_.siblings, ", at most 3, on at most ", kTransportVocab,
                      " tokens; take 'rejection', 'traversal' or 'kseq'"));
    const std::vector<double> mass = law_of_sets(tree, rows, children);
    const auto flow = transport(mass, rows.p(tree.parent[children.front()]), vocab);
    size_t drawn = 0;
    for (const int child : children) drawn |= size_t{1} << tree.token[child];
    std::vector<double> h;
    for (size_t j = 0; j < children.size(); ++j) {
      const Token x = tree.token[children[j]];
      const bool is_repeat = std::any_of(children.begin(), children.begin() + static_cast<std::ptrdiff_t>(j),
                                         [&](int earlier) { return tree.token[earlier] == x; });
      h.push_back(is_repeat || !(mass[drawn] > 0) ? 0 : flow[drawn][x] / mass[drawn]);
    }
    const int j = chance.choose(h, children.front());
    if (j >= 0) return children[j];
    std::vector<double> rest(static_cast<size_t>(vocab));
    for (int64_t x = 0; x < vocab; ++x) {
      rest[x] = left.at(static_cast<Token>(x));
      for (const auto& of_set : flow) rest[x] -= of_set[x];
      rest[x] = std::max(rest[x], 0.0);
    }
    left.replace(std::move(rest));
    return -1;
  }

  const Options options_;
};

}  // namespace

Registry<Verifier>::Entry optimal() {
  return verifier_entry<Optimal, Options>(
      "optimal", "Optimal transport at each node of a tiny vocabulary: the most that one position can accept.",
      "Sun et al. 2023", [](const Options& options) {
        return Facts{.laws = {Draw::kIid, Draw::kWithoutReplacement},
                     .trees = options.siblings > 1,
                     .guarantee = Guarantee::kExact,
                     .policy = Policy::kSampled,
                     .tests_tokens = true,
                     .cost = "O(V) a visited row; a flow over 2^V sets where there are siblings"};
      });
}

}  // namespace specula
