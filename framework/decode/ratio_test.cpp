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

bool is_chain(const DraftTree& tree) {
  for (int row = 1; row < tree.size(); ++row) {
    if (tree.parent[row] != row - 1 || tree.draw[row] == Draw::kProbe) return false;
  }
  return true;
}

double expected_in_chain(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law) {
  double sum = 0, reached = 1;
  for (int row = 1; row < tree.size() && reached > 0; ++row) {
    const float* p = law(row - 1);
    const Token d = tree.token[row];
    if (rows.is_drawn(row)) {
      sum += reached * overlap(p, rows.q(row), 1, rows.vocab());
      reached *= std::min(1.0, static_cast<double>(p[d]) / rows.q(row)[d]);
    } else {
      reached *= p[d];
      sum += reached;
    }
  }
  return sum;
}

}  // namespace

Verdict ratio_test(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law, Chance& chance) {
  Verdict verdict;
  for (int node = 0;;) {
    Residual left(law(node), rows.vocab());
    std::vector<Token> earlier;
    int accepted = -1;
    for (const int child : rows.candidates(node)) {
      const Token x = tree.token[child];
      const RowLaw q(tree, rows, child, earlier);
      if (chance.accept(left.at(x) / q.at_token(), child)) {
        accepted = child;
        break;
      }
      q.reject(left, 1);
      earlier.push_back(x);
    }
    if (accepted < 0) {
      verdict.next = chance.emit(left, node, static_cast<int>(verdict.path.size()));
      return verdict;
    }
    verdict.path.push_back(accepted);
    node = accepted;
  }
}

double expected_accepted_by_ratio(const DraftTree& tree, const RoundRows& rows, const LawOfRow& law) {
  return is_chain(tree) ? expected_in_chain(tree, rows, law) : expected_below(tree, rows, law, 0);
}

}  // namespace specula
