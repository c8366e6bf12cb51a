#include "verifiers/delta_tree.h"

#include "framework/decode/descend.h"

namespace specula {
namespace {

// p [V] without the children's tokens.
void remove_all(Residual& left, const float* p, const DraftTree& tree, const std::vector<int>& children) {
  std::vector<double> mass(p, p + left.vocab());
  for (const int child : children) mass[tree.token[child]] = 0;
  left.replace(std::move(mass));
}

class DeltaTree final : public Verifier {
 public:
  explicit DeltaTree(NoOptions /*options*/) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    const auto law = [&](int row) { return rows.p(row); };
    return descend(rows, law, evidence.chance, [&](const std::vector<int>& children, Residual& left) {
      if (children.empty()) return -1;
      std::vector<double> mass;
      for (const int child : children) {
        SPECULA_CHECK(tree.draw[child] == Draw::kPoint, "row ", child, " is drawn ", name_of(tree.draw[child]),
                      ", delta_tree takes points");
        mass.push_back(left.at(tree.token[child]));
      }
      const int chosen = evidence.chance.choose(mass, children.front());
      if (chosen >= 0) return children[chosen];
      remove_all(left, rows.p(tree.parent[children.front()]), tree, children);
      return -1;
    });
  }

  // The sum over all rows of the probability that p walks to them.
  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    const RoundRows rows(tree, p);
    std::vector<double> reached(tree.token.size());
    reached[0] = 1;
    double sum = 0;
    for (int row = 1; row < tree.size(); ++row) {
      if (!rows.is_candidate(row)) continue;  // nor is what hangs below it
      reached[row] = reached[tree.parent[row]] * static_cast<double>(rows.p(tree.parent[row])[tree.token[row]]);
      sum += reached[row];
    }
    return sum;
  }
};

}  // namespace

Registry<Verifier>::Entry delta_tree() {
  return verifier_entry<DeltaTree, NoOptions>("delta_tree", "The ratio test on trees of points, one coin at each node.",
                                              "Li et al. 2024", [](const NoOptions&) {
                                                return Facts{.laws = {Draw::kPoint},
                                                             .trees = true,
                                                             .guarantee = Guarantee::kExact,
                                                             .policy = Policy::kGreedy,
                                                             .tests_tokens = true,
                                                             .cost = "O(V) a round"};
                                              });
}

}  // namespace specula
