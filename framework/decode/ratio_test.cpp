#include "framework/decode/ratio_test.h"

#include <algorithm>

#include "framework/decode/row_law.h"

namespace specula {
namespace {

// Below `node`, which is reached: expected number of accepted rows.
double expected_below(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law, int node) {
  Residual left(law(node), rows.vocab());
  std::vector<Token> earlier;
  double reached = 1, sum = 0;
  for (const int child : rows.candidates(node)) {
    const Token x = tree.token[child];
    const RowLaw q(tree, rows, child, earlier);
    const double h = std::min(left.at(x) / q.at_token(), 1.0);
    if (h > 0) sum += reached * h * (1 + expected_below(tree, rows, law, child));
    reached *= 1 - h;
    q.reject(left, 1);
    earlier.push_back(x);
  }
  return sum;
}

double expected_in_chain(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law) {
  const std::vector<int> chain = rows.chain();
  double sum = 0, reached = 1;
  for (size_t i = 1; i < chain.size() && reached > 0; ++i) {
    const float* p = law(chain[i - 1]);
    const double h = std::min(1.0, p[tree.token[chain[i]]] / RowLaw(tree, rows, chain[i], {}).at_token());
    sum += reached * (rows.is_drawn(chain[i]) ? overlap(p, rows.q(chain[i]), 1, rows.vocab()) : h);
    reached *= h;
  }
  return sum;
}

}  // namespace

Verdict ratio_test(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law, Chance& chance) {
  return descend(rows, law, chance, [&](const std::vector<int>& children, Residual& left) {
    std::vector<Token> earlier;
    for (const int child : children) {
      const Token x = tree.token[child];
      const RowLaw q(tree, rows, child, earlier);
      if (chance.accept(left.at(x) / q.at_token(), child)) return child;
      q.reject(left, 1);
      earlier.push_back(x);
    }
    return -1;
  });
}

double expected_accepted_by_ratio(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law) {
  return rows.is_chain() ? expected_in_chain(tree, rows, law) : expected_below(tree, rows, law, 0);
}

}  // namespace specula
