#include "tests/decode/naive_rejection.h"

#include <algorithm>
#include <numeric>

namespace specula::testing {
namespace {

using Row = std::vector<double>;

Row row_of(const Tensor& matrix, int64_t row) {
  const float* from = matrix.const_data_ptr<float>() + row * matrix.size(1);
  return {from, from + matrix.size(1)};
}

Row normalised(Row row) {
  const double sum = std::accumulate(row.begin(), row.end(), 0.0);
  for (double& v : row) v /= sum;
  return row;
}

}  // namespace

Verdict NaiveRejection::verify(const DraftTree& tree, const Evidence& e) const {
  Verdict verdict;
  int node = 0;
  for (bool moved = true; moved;) {
    moved = false;
    Row left = row_of(e.p, node);
    Row q_without;
    std::vector<Token> rejected;
    for (const int child : tree.children(node)) {
      const Token x = tree.token[child];
      Row q(left.size(), 0.0);
      if (tree.draw[child] == Draw::kPoint) {
        q[x] = 1;
      } else {
        q = row_of(tree.q, tree.q_row[child]);
        if (tree.draw[child] == Draw::kWithoutReplacement) {
          for (const Token r : rejected) q[r] = 0;
          q = normalised(q);
        }
      }
      const double h = std::min(1.0, left[x] / q[x]);
      if (e.chance.accept(h, child)) {
        verdict.path.push_back(child);
        node = child;
        moved = true;
        break;
      }
      rejected.push_back(x);
      for (size_t i = 0; i < left.size(); ++i) left[i] = std::max(0.0, left[i] - q[i]);
      if (fault_ != Fault::kResidualNotNormalised) left = normalised(left);
    }
    if (moved) continue;
    Residual residual(e.p.const_data_ptr<float>() + node * e.p.size(1), e.p.size(1));
    if (!rejected.empty()) residual.replace(std::move(left));
    verdict.next = e.chance.emit(residual, node, static_cast<int>(verdict.path.size()));
  }
  return verdict;
}

int FaultyChance::choose(std::span<const double> h, int row) {
  double u = last_u_ = keys_.uniform(Use::kAccept, 0, 1, static_cast<uint32_t>(row));
  for (size_t j = 0; j < h.size(); ++j) {
    if (fault_ == KeyFault::kAcceptAtEquality ? u <= h[j] : u < h[j]) return static_cast<int>(j);
    u -= h[j];
  }
  return -1;
}

Token FaultyChance::emit(const Residual& left, int node, int depth) {
  return fault_ == KeyFault::kReusedUniform && !left.untouched() ? left.draw(last_u_) : sound_.emit(left, node, depth);
}

}  // namespace specula::testing
