#include "framework/decode/draft_tree.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace specula {

const char* name_of(Draw draw) {
  static constexpr const char* kNames[] = {"point", "iid", "without_replacement", "coupled", "probe"};
  return kNames[static_cast<int>(draw)];
}

std::string names_of(const std::vector<Draw>& draws) {
  std::vector<std::string> names;
  for (const Draw draw : draws) names.emplace_back(name_of(draw));
  return join(names);
}

std::vector<Draw> every_law() { return {Draw::kPoint, Draw::kIid, Draw::kWithoutReplacement, Draw::kCoupled}; }

int DraftTree::add(Token new_token, int new_parent, Draw new_draw, int new_q_row) {
  token.push_back(new_token);
  parent.push_back(new_parent);
  draw.push_back(new_draw);
  q_row.push_back(new_q_row);
  q_next.push_back(-1);
  return size() - 1;
}

std::vector<int> DraftTree::children(int row) const {
  std::vector<int> rows;
  for (int i = row + 1; i < size(); ++i) {
    if (parent[i] == row) rows.push_back(i);
  }
  return rows;
}

int DraftTree::depth(int row) const {
  int d = 0;
  for (; parent[row] >= 0; row = parent[row]) ++d;
  return d;
}

std::vector<Token> DraftTree::path_tokens(int row) const {
  std::vector<Token> tokens;
  for (; parent[row] >= 0; row = parent[row]) tokens.push_back(token[row]);
  std::reverse(tokens.begin(), tokens.end());
  return tokens;
}

DraftTree DraftTree::root_only(Token last) {
  DraftTree tree;
  tree.add(last, -1, Draw::kPoint);
  return tree;
}

DraftTree DraftTree::chain_of_points(Token last, const std::vector<Token>& tokens) {
  DraftTree tree = root_only(last);
  for (const Token t : tokens) tree.add(t, tree.size() - 1, Draw::kPoint);
  return tree;
}

TreeSize size_of(const DraftTree& tree) {
  TreeSize size;
  for (int row = 1; row < tree.size(); ++row) {
    if (tree.draw[row] == Draw::kProbe) continue;
    ++size.candidates;
    size.deepest = std::max(size.deepest, tree.depth(row));
  }
  return size;
}

DraftTree without_probes(const DraftTree& tree) {
  DraftTree rest = tree;
  const auto count = std::find(tree.draw.begin(), tree.draw.end(), Draw::kProbe) - tree.draw.begin();
  rest.token.resize(static_cast<size_t>(count));
  rest.parent.resize(static_cast<size_t>(count));
  rest.draw.resize(static_cast<size_t>(count), Draw::kPoint);
  rest.q_row.resize(static_cast<size_t>(count));
  rest.q_next.resize(static_cast<size_t>(count));
  return rest;
}

namespace {

void check_siblings(const DraftTree& tree) {
  const auto rows = static_cast<size_t>(tree.size());
  std::vector<int> last_child(rows, -1), sibling_before(rows, -1);
  for (int i = 1; i < tree.size() && tree.draw[i] != Draw::kProbe; ++i) {
    sibling_before[i] = std::exchange(last_child[tree.parent[i]], i);
    for (int j = sibling_before[i]; j >= 0; j = sibling_before[j]) {
      SPECULA_CHECK(tree.token[i] != tree.token[j] || tree.draw[i] == Draw::kIid, "row ", i, " repeats the token ",
                    tree.token[i], " of its sibling, row ", j, ", and is drawn ", name_of(tree.draw[i]));
    }
  }
}

void check_laws(const DraftTree& tree, int64_t vocab) {
  if (tree.q.defined()) {
    const Tensor q = tree.q.contiguous();
    const float* data = q.const_data_ptr<float>();
    for (int64_t g = 0; g < q.size(0); ++g) {
      double sum = 0;
      for (int64_t x = 0; x < vocab; ++x) {
        SPECULA_CHECK(data[g * vocab + x] >= 0, "row ", g, " of q has ", data[g * vocab + x], " at token ", x);
        sum += data[g * vocab + x];
      }
      SPECULA_CHECK(std::abs(sum - 1) < 1e-3, "row ", g, " of q sums to ", sum);
    }
    for (int i = 1; i < tree.size(); ++i) {
      if (tree.q_row[i] < 0) continue;
      const float mass = data[tree.q_row[i] * vocab + tree.token[i]];
      SPECULA_CHECK(mass > 0, "row ", i, " was drawn ", name_of(tree.draw[i]), ", but its q gives token ",
                    tree.token[i], " no mass");
    }
  }
}

}  // namespace

void check_tree(const DraftTree& tree, Token last, int64_t vocab, TreeCheck how) {
  const size_t rows = tree.token.size();
  SPECULA_CHECK(
      tree.parent.size() == rows && tree.draw.size() == rows && tree.q_row.size() == rows && tree.q_next.size() == rows,
      "columns of different length");
  if (rows == 0) return;
  SPECULA_CHECK(tree.parent[0] == -1 && tree.token[0] == last, "row 0 must be the last committed token ", last,
                ", got ", tree.token[0]);
  int64_t groups = 0;
  if (tree.q.defined()) {
    Dims dims;
    dims.check(tree.q, "q", "G V");
    SPECULA_CHECK(dims['V'] == vocab, "q has ", dims['V'], " columns, the vocabulary ", vocab);
    groups = dims['G'];
  }
  for (int i = 0; i < tree.size(); ++i) {
    const bool drawn = tree.draw[i] != Draw::kPoint && tree.draw[i] != Draw::kProbe;
    SPECULA_CHECK(tree.token[i] >= 0 && tree.token[i] < vocab, "row ", i, " holds token ", tree.token[i], " of ",
                  vocab);
    SPECULA_CHECK(i < 2 || tree.draw[i] == Draw::kProbe || tree.draw[i - 1] != Draw::kProbe, "row ", i,
                  " is a candidate behind a probe");
    SPECULA_CHECK(i == 0 || (tree.parent[i] >= 0 && tree.parent[i] < i), "row ", i, " has parent ", tree.parent[i]);
    SPECULA_CHECK(tree.q_row[i] >= -1 && tree.q_row[i] < groups, "row ", i, " has q_row ", tree.q_row[i], " of ",
                  groups);
    SPECULA_CHECK(drawn == (tree.q_row[i] >= 0), "row ", i, " is drawn ", name_of(tree.draw[i]), " with q_row ",
                  tree.q_row[i]);
    SPECULA_CHECK(tree.q_next[i] >= -1 && tree.q_next[i] < groups, "row ", i, " has q_next ", tree.q_next[i], " of ",
                  groups);
  }
  check_siblings(tree);
  if (how == TreeCheck::kAll) check_laws(tree, vocab);
}

}  // namespace specula
