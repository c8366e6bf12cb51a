#include "framework/decode/follow.h"

#include <algorithm>
#include <numeric>

namespace specula {
namespace {

double expected_below(const DraftTree& tree, const RoundRows& rows, int node) {
  const std::vector<int> children = distinct_candidates(tree, rows, node);
  const float* p = rows.p(node);
  const bool is_alone = rows.candidates(node).size() == 1 && rows.is_drawn(children.front());
  double sum = is_alone ? std::inner_product(p, p + rows.vocab(), rows.q(children.front()), 0.0) : 0;
  for (const int child : children) {
    const double h = p[tree.token[child]];
    if (!is_alone) sum += h;
    if (h > 0) sum += h * expected_below(tree, rows, child);
  }
  return sum;
}

}  // namespace

Verdict follow(const DraftTree& tree, const std::function<Token(int row, int depth)>& choose) {
  Verdict verdict;
  int node = 0;
  while (true) {
    const Token wanted = choose(node, static_cast<int>(verdict.path.size()));
    int match = -1;
    for (const int child : tree.children(node)) {
      if (tree.token[child] != wanted || tree.draw[child] == Draw::kProbe) continue;
      match = child;
      break;
    }
    if (match < 0) {
      verdict.next = wanted;
      return verdict;
    }
    verdict.path.push_back(match);
    node = match;
  }
}

std::vector<int> distinct_candidates(const DraftTree& tree, const RoundRows& rows, int node) {
  std::vector<int> distinct;
  for (const int row : rows.candidates(node)) {
    const bool is_new = std::none_of(distinct.begin(), distinct.end(),
                                     [&](int earlier) { return tree.token[earlier] == tree.token[row]; });
    if (is_new) distinct.push_back(row);
  }
  return distinct;
}

double expected_accepted_by_following(const DraftTree& tree, const RoundRows& rows) {
  return expected_below(tree, rows, 0);
}

}  // namespace specula
