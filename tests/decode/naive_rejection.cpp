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
    double last_u = -1;
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
      last_u = e.keys.uniform(Use::kAccept, e.request, e.start, static_cast<uint32_t>(child));
      if (fault_ == Fault::kAcceptAtEquality ? last_u <= h : last_u < h) {
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
    double u = rejected.empty()
                   ? e.keys.uniform(Use::kTarget, e.request, e.start + static_cast<int64_t>(verdict.path.size()), 0)
               : fault_ == Fault::kReusedUniform
                   ? last_u
                   : e.keys.uniform(Use::kResidual, e.request, e.start, static_cast<uint32_t>(node));
    u *= std::accumulate(left.begin(), left.end(), 0.0);
    for (size_t x = 0; x < left.size(); ++x) {
      if (left[x] > 0) verdict.next = static_cast<Token>(x);
      if ((u -= left[x]) < 0) break;
    }
  }
  return verdict;
}

}  // namespace specula::testing
