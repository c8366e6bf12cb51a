#include "framework/decode/merge_trees.h"

#include <algorithm>
#include <tuple>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr int kLeftOut = -1;

int probes_of(const DraftTree& tree) {
  return static_cast<int>(std::count(tree.draw.begin(), tree.draw.end(), Draw::kProbe));
}

int child_of(const DraftTree& tree, int row, Token token) {
  for (int child = row + 1; child < tree.size(); ++child) {
    if (tree.parent[child] == row && tree.token[child] == token) return child;
  }
  return kLeftOut;
}

// The candidates of all trees below their roots: (depth, tree, row), the order in which they join.
std::vector<std::tuple<int, size_t, int>> by_level(std::span<const DraftTree> trees) {
  std::vector<std::tuple<int, size_t, int>> rows;
  for (size_t i = 0; i < trees.size(); ++i) {
    std::vector<int> depth(static_cast<size_t>(trees[i].size()), 0);
    for (int row = 1; row < trees[i].size(); ++row) {
      depth[row] = depth[trees[i].parent[row]] + 1;
      if (trees[i].draw[row] != Draw::kProbe) rows.emplace_back(depth[row], i, row);
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

// Appends the probes of `from` whose rows became `place` in `tree`, unless one hangs from a row that was left out.
void add_probes(DraftTree& tree, const DraftTree& from, std::vector<int> place) {
  const auto hangs = [&](int row) {
    const int above = from.parent[row];
    return from.draw[row] != Draw::kProbe || from.draw[above] == Draw::kProbe || place[above] != kLeftOut;
  };
  for (int row = 1; row < from.size(); ++row) {
    if (!hangs(row)) return;
  }
  for (int row = 1; row < from.size(); ++row) {
    if (from.draw[row] == Draw::kProbe) place[row] = tree.add(from.token[row], place[from.parent[row]], Draw::kProbe);
  }
}

}  // namespace

DraftTree merge_trees(const DraftTree& first, std::span<const DraftTree> others, int most_rows) {
  SPECULA_CHECK(first.size() > 0 && first.size() <= most_rows, "a tree of ", first.size(), " rows; the budget is ",
                most_rows);
  DraftTree merged = without_probes(first);
  std::vector<std::vector<int>> place;  // of each tree, where its rows are in `merged`
  int reserved = probes_of(first);
  std::vector<char> has_room{1};  // for the probes of `first`, then of the others
  for (const DraftTree& tree : others) {
    SPECULA_CHECK(tree.size() > 0 && tree.token[0] == first.token[0], "trees of different roots");
    place.emplace_back(static_cast<size_t>(tree.size()), kLeftOut);
    place.back()[0] = 0;
    const int probes = probes_of(tree);
    has_room.push_back(merged.size() + reserved + probes <= most_rows ? 1 : 0);
    if (has_room.back() != 0) reserved += probes;
  }
  for (const auto& [depth, i, row] : by_level(others)) {
    const int above = place[i][others[i].parent[row]];
    if (above == kLeftOut) continue;
    const Token token = others[i].token[row];
    int& own = place[i][row] = child_of(merged, above, token);
    if (own == kLeftOut && merged.size() + reserved < most_rows) own = merged.add(token, above, Draw::kPoint);
  }
  std::vector<int> kept(static_cast<size_t>(first.size()));
  for (int row = 0; row < first.size(); ++row) kept[row] = row;
  add_probes(merged, first, kept);
  for (size_t i = 0; i < others.size(); ++i) {
    if (has_room[i + 1] != 0) add_probes(merged, others[i], place[i]);
  }
  return merged;
}

}  // namespace specula
