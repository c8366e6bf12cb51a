#include "framework/certify/naive_rules.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace specula {
namespace {

double sum_of(const Row& row) { return std::accumulate(row.begin(), row.end(), 0.0); }

// The law that row `child` was drawn from, given the siblings that are gone.
Row law_of(const DraftTree& tree, int child, const std::vector<Token>& gone) {
  if (tree.draw[child] == Draw::kPoint) {
    Row point(static_cast<size_t>(*std::max_element(tree.token.begin(), tree.token.end())) + 1, 0.0);
    if (tree.q.defined()) point.resize(static_cast<size_t>(tree.q.size(1)), 0.0);
    point[tree.token[child]] = 1;
    return point;
  }
  Row q = row_of(tree.q, tree.q_row[child]);
  if (tree.draw[child] != Draw::kWithoutReplacement) return q;
  for (const Token x : gone) q[x] = 0;
  return normalised(std::move(q));
}

// Emits from `mass`; nullptr: from p itself.
Token emitted(const Evidence& e, const Row* mass, int node, int depth) {
  Residual left(e.p.const_data_ptr<float>() + node * e.p.size(1), e.p.size(1));
  if (mass != nullptr) left.replace(Row(*mass));
  return e.chance.emit(left, node, depth);
}

std::vector<int> path_to(const DraftTree& tree, int row) {
  std::vector<int> path;
  for (; row > 0; row = tree.parent[row]) path.push_back(row);
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace

Row row_of(const Tensor& matrix, int64_t row) {
  const float* from = matrix.const_data_ptr<float>() + row * matrix.size(1);
  return {from, from + matrix.size(1)};
}

Row normalised(Row row) {
  const double sum = sum_of(row);
  if (!(sum > 0)) return row;
  for (double& mass : row) mass /= sum;
  return row;
}

Row left_of(const Row& p, double scale, const Row& q) {
  Row left = p;
  for (size_t x = 0; x < left.size(); ++x) left[x] = std::max(0.0, scale * p[x] - (x < q.size() ? q[x] : 0));
  return left;
}

Verdict NaiveRejection::verify(const DraftTree& tree, const Evidence& e) const {
  Verdict verdict;
  int node = 0;
  for (bool moved = true; moved;) {
    moved = false;
    Row left = row_of(e.p, node);
    std::vector<Token> rejected;
    for (const int child : tree.children(node)) {
      const Token x = tree.token[child];
      const Row q = law_of(tree, child, rejected);
      double h = q[x] > 0 ? std::min(1.0, left[x] / q[x]) : 0;
      if (!(q[x] > 0) && fault_ == Fault::kNoMassAccepted) h = 1;
      if (e.chance.accept(h, child)) {
        verdict.path.push_back(child);
        node = child;
        moved = true;
        break;
      }
      rejected.push_back(x);
      left = left_of(left, 1, q);
      if (fault_ != Fault::kResidualNotNormalised) left = normalised(std::move(left));
    }
    if (!moved)
      verdict.next = emitted(e, rejected.empty() ? nullptr : &left, node, static_cast<int>(verdict.path.size()));
  }
  return verdict;
}

Verdict NaiveBlock::verify(const DraftTree& tree, const Evidence& e) const {
  const int gamma = tree.size() - 1;
  Row reach{1};  // P_i of the paper
  Row h{0};
  for (int i = 1; i <= gamma; ++i) {
    const Token d = tree.token[i];
    const double ratio = row_of(e.p, i - 1)[d] / law_of(tree, i, {})[d];
    reach.push_back(std::min(1.0, reach[i - 1] * ratio));
  }
  const bool is_padded = fault_ == Fault::kPadded && gamma < longest_;
  // q of the token after row i: of the next draft, or where there is none what the draft says it would be.
  const auto q_after = [&](int i) { return i < gamma ? law_of(tree, i + 1, {}) : row_of(tree.q, tree.q_next[i]); };
  for (int i = 1; i <= gamma; ++i) {
    if ((i == gamma && !is_padded) || fault_ == Fault::kCoinOfLast) {
      h.push_back(reach[i]);
      continue;
    }
    const double rest = sum_of(left_of(row_of(e.p, i), reach[i], q_after(i)));
    h.push_back(rest > 0 ? rest / (rest + 1 - reach[i]) : 0);
  }
  int tau = gamma;
  while (tau > 0 && !e.chance.accept(h[tau], tau)) --tau;
  Verdict verdict{.path = path_to(tree, tau)};
  if (tau == gamma && !is_padded) {
    verdict.next = emitted(e, nullptr, tau, tau);
  } else {
    const double scale = fault_ == Fault::kResidualOfToken ? 1 : reach[tau];
    const Row left = left_of(row_of(e.p, tau), scale, q_after(tau));
    verdict.next = emitted(e, &left, tau, tau);
  }
  return verdict;
}

namespace {

// What is left of a tree whose leaves are taken away one by one.
class Traversal {
 public:
  Traversal(const DraftTree& tree, const Tensor& p) : tree_(tree), is_there_(tree.size(), 1), gone_(tree.size()) {
    for (int row = 0; row < tree.size(); ++row) left.push_back(row_of(p, row));
    rate.assign(static_cast<size_t>(tree.size()), 1.0);
    for (int row = 1; row < tree.size(); ++row) rate[row] = rate_from_parent(row);
  }

  std::vector<Row> left;  // P of each row
  Row rate;

  int first_child(int row) const {
    for (const int child : tree_.children(row)) {
      if (is_there_[child] != 0) return child;
    }
    return -1;
  }
  int first_leaf() const {
    int row = 0;
    for (int child = first_child(0); child >= 0; child = first_child(row)) row = child;
    return row;
  }
  bool was_touched(int row) const { return !gone_[row].empty(); }
  double rate_from_parent(int row) const {
    const int above = tree_.parent[row];
    const Token x = tree_.token[row];
    const double q = law_of(tree_, row, gone_[above])[x];
    return q > 0 ? std::min(1.0, rate[above] * left[above][x] / q) : 0;
  }
  // Takes the leaf away; what its parent keeps, and the parent's rate.
  void remove(int leaf) {
    const int above = tree_.parent[leaf];
    const Row rest = left_of(left[above], rate[above], law_of(tree_, leaf, gone_[above]));
    const double sum = sum_of(rest);
    if (sum > 0) left[above] = normalised(rest);
    if (above > 0) rate[above] = sum > 0 ? sum / (sum + 1 - rate[above]) : 0;
    is_there_[leaf] = 0;
    gone_[above].push_back(tree_.token[leaf]);
  }
  void refresh_below(int row) {
    for (const int child : tree_.children(row)) {
      if (is_there_[child] == 0) continue;
      rate[child] = rate_from_parent(child);
      refresh_below(child);
    }
  }

 private:
  const DraftTree& tree_;
  std::vector<char> is_there_;
  std::vector<std::vector<Token>> gone_;  // of each row, the tokens of its lost children
};

}  // namespace

Verdict NaiveTraversal::verify(const DraftTree& tree, const Evidence& e) const {
  Traversal state(tree, e.p);
  int leaf = state.first_leaf();
  while (leaf > 0 && !e.chance.accept(state.rate[leaf], leaf)) {
    const int above = tree.parent[leaf];
    state.remove(leaf);
    if (fault_ == Fault::kNodeRecomputed && above > 0) state.rate[above] = state.rate_from_parent(above);
    if (fault_ != Fault::kDescendantsKept) state.refresh_below(above);
    leaf = state.first_leaf();
  }
  Verdict verdict{.path = path_to(tree, leaf)};
  verdict.next =
      emitted(e, state.was_touched(leaf) ? &state.left[leaf] : nullptr, leaf, static_cast<int>(verdict.path.size()));
  return verdict;
}

namespace {

double overlap_at(const Row& p, const Row& q, double rho) {  // beta of the paper
  double sum = 0;
  for (size_t x = 0; x < p.size(); ++x) sum += std::min(q[x], p[x] / rho);
  return sum;
}

double rho_of(const Row& p, const Row& q, int k) {
  double low = 1, high = k;
  while (high - low > 1e-12) {
    const double middle = (low + high) / 2, beta = overlap_at(p, q, middle);
    (1 - std::pow(1 - beta, k) > middle * beta ? low : high) = middle;
  }
  return high;
}

}  // namespace

Verdict NaiveKSeq::verify(const DraftTree& tree, const Evidence& e) const {
  Verdict verdict;
  for (int node = 0;;) {
    const std::vector<int> children = tree.children(node);
    const int depth = static_cast<int>(verdict.path.size());
    if (children.empty()) {
      verdict.next = emitted(e, nullptr, node, depth);
      return verdict;
    }
    const Row p = row_of(e.p, node), q = law_of(tree, children.front(), {});
    const int k = static_cast<int>(children.size());
    const double rho = rho_of(p, q, k) * rho_factor_, beta = overlap_at(p, q, rho);
    const auto accepted = std::find_if(children.begin(), children.end(), [&](int child) {
      const Token x = tree.token[child];
      return e.chance.accept(std::min(1.0, p[x] / (rho * q[x])), child);
    });
    if (accepted == children.end()) {
      const double all = 1 - std::pow(1 - beta, k);
      Row left = p;
      for (size_t x = 0; x < p.size(); ++x) left[x] = std::max(0.0, p[x] - std::min(q[x], p[x] / rho) * all / beta);
      verdict.next = emitted(e, &left, node, depth);
      return verdict;
    }
    node = *accepted;
    verdict.path.push_back(node);
  }
}

}  // namespace specula
