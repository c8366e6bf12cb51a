#include "framework/decode/mixture_rule.h"

#include <ATen/ops/empty.h>

#include "framework/decode/ratio_test.h"

namespace specula {

// The mixture at the rows that are asked for, each computed once.
class MixtureRule::Rows {
 public:
  Rows(const MixtureRule& rule, const DraftTree& tree, const Tensor& p)
      : rows(tree, p), rule_(rule), made_(tree.token.size()) {}

  const RoundRows rows;

  const float* operator()(int row) {
    std::vector<float>& made = made_[row];
    if (made.empty()) {
      made.resize(static_cast<size_t>(rows.vocab()));
      rule_.mix(rows.p(row), rows.q_next(row), rows.vocab(), made.data());
    }
    return made.data();
  }

 private:
  const MixtureRule& rule_;
  std::vector<std::vector<float>> made_;
};

Tensor MixtureRule::law(const DraftTree& tree, const Tensor& p) const {
  const RoundRows rows(tree, p);
  Tensor law = at::empty({tree.size(), rows.vocab()});
  float* to = law.mutable_data_ptr<float>();
  for (int row = 0; row < tree.size(); ++row) mix(rows.p(row), rows.q_next(row), rows.vocab(), to + row * rows.vocab());
  return law;
}

Verdict MixtureRule::verify(const DraftTree& tree, const Evidence& evidence) const {
  Rows mixture(*this, tree, evidence.p);
  return ratio_test(
      tree, mixture.rows, [&](int row) { return mixture(row); }, evidence.chance);
}

std::optional<double> MixtureRule::expected_accepted(const DraftTree& tree, const Tensor& p) const {
  Rows mixture(*this, tree, p);
  return expected_accepted_by_ratio(tree, mixture.rows, [&](int row) { return mixture(row); });
}

Facts facts_of_mixture_rule() {
  return {.laws = every_law(),
          .trees = true,
          .q_next = true,
          .guarantee = Guarantee::kMixture,
          .policy = Policy::kSampled,
          .tests_tokens = true,
          .cost = "O(V) a tested row, a pass over p and q a visited row"};
}

}  // namespace specula
