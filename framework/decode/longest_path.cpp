#include "framework/decode/longest_path.h"

#include <algorithm>
#include <cmath>

namespace specula {

std::vector<int> longest_path(const DraftTree& tree, const RoundRows& rows,
                              const std::function<bool(int row)>& accepts) {
  std::vector<int> depth(tree.token.size(), -1);  // -1: not accepted
  std::vector<double> log_mass(tree.token.size());
  depth[0] = 0;
  int best = 0;
  for (int row = 1; row < tree.size(); ++row) {
    const int parent = tree.parent[row];
    if (depth[parent] < 0 || !rows.is_candidate(row) || !accepts(row)) continue;
    depth[row] = depth[parent] + 1;
    log_mass[row] = log_mass[parent] + std::log(static_cast<double>(rows.p(parent)[tree.token[row]]));
    if (depth[row] > depth[best] || (depth[row] == depth[best] && log_mass[row] > log_mass[best])) best = row;
  }
  std::vector<int> path;
  for (int row = best; row > 0; row = tree.parent[row]) path.push_back(row);
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace specula
