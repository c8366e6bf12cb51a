#include "framework/decode/round_rows.h"

#include "framework/core/error.h"

namespace specula {

RoundRows::RoundRows(const DraftTree& tree, const Tensor& p) : tree_(tree) {
  Dims dims;
  dims.check(p, "p", "R V");
  if (tree.q.defined()) dims.check(tree.q, "q", "G V");
  SPECULA_CHECK(dims['R'] == tree.size() && p.is_contiguous() && (!tree.q.defined() || tree.q.is_contiguous()));
  vocab_ = dims['V'];
  p_ = p.const_data_ptr<float>();
  if (tree.q.defined()) q_ = tree.q.const_data_ptr<float>();
}

const float* RoundRows::q_next(int row) const {
  SPECULA_CHECK(q_ != nullptr && tree_.q_next[row] >= 0, "no q for the token after row ", row);
  return q_ + tree_.q_next[row] * vocab_;
}

std::vector<int> RoundRows::candidates(int node) const {
  std::vector<int> rows = tree_.children(node);
  std::erase_if(rows, [&](int row) { return !is_candidate(row); });
  return rows;
}

bool RoundRows::is_chain() const {
  for (int row = 0; row < tree_.size(); ++row) {
    if (candidates(row).size() > 1) return false;
  }
  return true;
}

std::vector<int> RoundRows::chain() const {
  std::vector<int> chain{0};
  while (true) {
    const std::vector<int> next = candidates(chain.back());
    SPECULA_CHECK(next.size() <= 1, "this rule takes chains; row ", chain.back(), " has ", next.size(), " children");
    if (next.empty()) return chain;
    chain.push_back(next.front());
  }
}

}  // namespace specula
