#include "tests/decode/naive_rules.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace specula::testing {
namespace {

using Row = std::vector<double>;

Row row_of(const Tensor& matrix, int64_t row) {
  const float* from = matrix.const_data_ptr<float>() + row * matrix.size(1);
  return {from, from + matrix.size(1)};
}

double sum_of(const Row& row) { return std::accumulate(row.begin(), row.end(), 0.0); }

Row normalised(Row row) {
  const double sum = sum_of(row);
  for (double& mass : row) mass = sum > 0 ? mass / sum : 0;
  return row;
}

Row rest_of(const Row& p, double weight, const Row& q) {  // (weight p - q)+
  Row rest;
  for (size_t x = 0; x < p.size(); ++x) rest.push_back(std::max(weight * p[x] - q[x], 0.0));
  return rest;
}

Token emitted(const Row& law, int node, int depth, Chance& chance) {
  const std::vector<float> none(law.size());
  Residual left(none.data(), static_cast<int64_t>(law.size()));
  left.replace(Row(law));
  return chance.emit(left, node, depth);
}

}  // namespace

Verdict NaiveBlock::verify(const DraftTree& tree, const Evidence& e) const {
  const int last = tree.size() - 1;
  std::vector<double> weight{1};
  for (int i = 1; i <= last; ++i) {
    const Token d = tree.token[i];
    weight.push_back(std::min(1.0, weight.back() * row_of(e.p, i - 1)[d] / row_of(tree.q, tree.q_row[i])[d]));
  }
  int kept = 0;
  for (int i = 1; i <= last; ++i) {  // every coin is tossed, the last success counts
    double h = weight[i];
    if (i < last && fault_ != BlockFault::kCoinOfTheLast) {
      const double rest = sum_of(rest_of(row_of(e.p, i), weight[i], row_of(tree.q, tree.q_row[i + 1])));
      h = rest > 0 ? rest / (rest + 1 - weight[i]) : 0;
    }
    if (e.chance.accept(h, i)) kept = i;
  }
  Verdict verdict;
  for (int i = 1; i <= kept; ++i) verdict.path.push_back(i);
  const Row p = row_of(e.p, kept);
  Row left = p;
  if (kept < last) {
    const double w = fault_ == BlockFault::kResidualOfTheRatioTest ? 1 : weight[kept];
    left = rest_of(p, w, row_of(tree.q, tree.q_row[kept + 1]));
  }
  verdict.next = emitted(sum_of(left) > 0 ? left : p, kept, kept, e.chance);  // a faulty coin may leave nothing
  return verdict;
}

Verdict NaiveTraversal::verify(const DraftTree& tree, const Evidence& e) const {
  const auto size = static_cast<size_t>(tree.size());
  std::vector<char> is_live(size, 1);
  std::vector<double> rate(size, 1.0);
  std::vector<Row> p, q(size);  // q of a node: the law of its next child
  for (int row = 0; row < tree.size(); ++row) p.push_back(row_of(e.p, row));
  const auto first_child = [&](int node) {
    for (const int child : tree.children(node)) {
      if (is_live[child] != 0) return child;
    }
    return -1;
  };
  const auto law_of_child = [&](int node) {
    const int child = first_child(node);
    if (child < 0) return Row(p[node].size(), 0.0);
    Row law(p[node].size(), 0.0);
    if (tree.q_row[child] < 0) {
      law[tree.token[child]] = 1;
      return law;
    }
    law = row_of(tree.q, tree.q_row[child]);
    for (const int sibling : tree.children(node)) {
      if (sibling < child && tree.draw[child] == Draw::kWithoutReplacement) law[tree.token[sibling]] = 0;
    }
    return normalised(law);
  };
  const auto rate_from_parent = [&](int row) {
    const int n = tree.parent[row];
    const Token x = tree.token[row];
    // Not the next child: its rate is computed anew before its turn comes, so any value will do.
    return q[n][x] > 0 ? std::min(1.0, rate[n] * p[n][x] / q[n][x]) : 0.0;
  };
  const auto compute_below = [&](int node) {  // parents come before their children
    for (int row = node + 1; row < tree.size(); ++row) {
      bool is_below = false;
      for (int up = tree.parent[row]; up >= 0; up = tree.parent[up]) is_below = is_below || up == node;
      if (is_below && is_live[row] != 0) rate[row] = rate_from_parent(row);
    }
  };
  for (int row = 0; row < tree.size(); ++row) q[row] = law_of_child(row);
  compute_below(0);
  int leaf = 0;
  while (true) {
    for (leaf = 0; first_child(leaf) >= 0;) leaf = first_child(leaf);
    if (leaf == 0 || e.chance.accept(rate[leaf], leaf)) break;
    const int n = tree.parent[leaf];
    is_live[leaf] = 0;
    const Row rest = rest_of(p[n], rate[n], q[n]);
    const double sum = sum_of(rest);
    if (sum > 0) p[n] = normalised(rest);
    rate[n] = sum > 0 ? sum / (sum + 1 - rate[n]) : 0;
    if (fault_ == TraversalFault::kOwnRateFromParent && n > 0) rate[n] = rate_from_parent(n);
    q[n] = law_of_child(n);
    if (fault_ != TraversalFault::kKeepsRatesBelow) compute_below(n);
  }
  Verdict verdict;
  for (int row = leaf; row > 0; row = tree.parent[row]) verdict.path.insert(verdict.path.begin(), row);
  verdict.next = emitted(p[leaf], leaf, static_cast<int>(verdict.path.size()), e.chance);
  return verdict;
}

Verdict NaiveKSeq::verify(const DraftTree& tree, const Evidence& e) const {
  Verdict verdict;
  int node = 0;
  while (true) {
    const std::vector<int> children = tree.children(node);
    const Row p = row_of(e.p, node);
    Row left = p;
    int accepted = -1;
    if (!children.empty()) {
      const Row q = row_of(tree.q, tree.q_row[children.front()]);
      const auto k = static_cast<double>(children.size());
      const auto beta = [&](double rho) {
        double sum = 0;
        for (size_t x = 0; x < p.size(); ++x) sum += std::min(q[x], p[x] / rho);
        return sum;
      };
      double low = 1, high = k;
      for (int i = 0; i < 60; ++i) {
        const double rho = (low + high) / 2;
        (1 - std::pow(1 - beta(rho), k) > rho * beta(rho) ? low : high) = rho;
      }
      const double rho = high * factor_, b = beta(rho), all = 1 - std::pow(1 - b, k);
      for (const int child : children) {
        const Token x = tree.token[child];
        if (!e.chance.accept(std::min(1.0, p[x] / (rho * q[x])), child)) continue;
        accepted = child;
        break;
      }
      for (size_t x = 0; x < p.size(); ++x) left[x] = std::max(0.0, p[x] - std::min(q[x], p[x] / rho) * all / b);
      if (!(sum_of(left) > 0)) left = p;
    }
    if (accepted < 0) {
      verdict.next = emitted(left, node, static_cast<int>(verdict.path.size()), e.chance);
      return verdict;
    }
    verdict.path.push_back(accepted);
    node = accepted;
  }
}

}  // namespace specula::testing
