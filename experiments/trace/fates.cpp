#include "experiments/trace/fates.h"

#include <algorithm>

#include "framework/core/error.h"

namespace specula {
namespace {

// Rows from the root down to as many accepted ones as the text tells, and on below while there is only one way to go.
// With equal siblings the first: no rule takes the second of two equal ones where it refused the first.
class PathSearch {
 public:
  PathSearch(const DraftTree& tree, const std::vector<Token>& text, int accepted)
      : tree_(tree), text_(text), accepted_(static_cast<size_t>(accepted)) {}

  std::vector<int> path() {
    if (!goes_on(0)) throw Error(cat("the draft holds no path of ", accepted_, " tokens that the text goes along"));
    return path_;
  }

 private:
  bool goes_on(int row) {
    if (path_.size() == accepted_) return true;
    const std::vector<int> children = tree_.children(row);
    const bool is_known = path_.size() < text_.size();
    if (!is_known && children.size() != 1) return !children.empty();
    for (const int child : children) {
      if (is_known && tree_.token[child] != text_[path_.size()]) continue;
      path_.push_back(child);
      if (goes_on(child)) return true;
      path_.pop_back();
    }
    return false;
  }

  const DraftTree& tree_;
  const std::vector<Token>& text_;
  const size_t accepted_;
  std::vector<int> path_;
};

// The child of `parent` on the path; 0: none.
int taken_below(const DraftTree& tree, const std::vector<int>& path, int parent) {
  for (const int row : path) {
    if (tree.parent[row] == parent) return row;
  }
  return 0;
}

Fate fate_of(const DraftTree& tree, const std::vector<int>& path, int row, bool is_whole) {
  const int parent = tree.parent[row];
  const auto is_on_path = [&](int r) { return std::find(path.begin(), path.end(), r) != path.end(); };
  if (parent != 0 && !is_on_path(parent)) return Fate::kDropped;
  const int taken = taken_below(tree, path, parent);
  if (taken == 0) return is_whole ? Fate::kRejected : Fate::kDropped;
  return row < taken ? Fate::kRejected : Fate::kDropped;
}

double mass(const Tensor& law, int row, Token id) {  // law [R,V] float32
  return law.const_data_ptr<float>()[row * law.size(1) + id];
}

// The draft's law after a row, where it is known.
int q_after(const DraftTree& tree, int row) {
  if (tree.q_next[row] >= 0) return tree.q_next[row];
  for (const int child : tree.children(row)) {
    if (tree.q_row[child] >= 0) return tree.q_row[child];
  }
  return -1;
}

}  // namespace

const char* name_of(Fate fate) {
  switch (fate) {
    case Fate::kAccepted:
      return "accepted";
    case Fate::kRejected:
      return "rejected";
    case Fate::kDropped:
      return "dropped";
    case Fate::kCut:
      return "cut";
  }
  return "";
}

RoundFates fates_of(const TracedRound& round, const std::vector<Token>& text, int accepted) {
  const DraftTree tree = without_probes(round.tree);
  const std::vector<int> path = PathSearch(tree, text, accepted).path();
  const bool is_whole = path.size() == static_cast<size_t>(accepted);
  RoundFates fates;
  for (int row = 1; row < tree.size(); ++row) {
    const auto on_path = std::find(path.begin(), path.end(), row);
    const auto place = static_cast<size_t>(on_path - path.begin());
    const Fate fate = on_path == path.end() ? fate_of(tree, path, row, is_whole)
                      : place < text.size() ? Fate::kAccepted
                                            : Fate::kCut;
    FatedRow fated{.row = row,
                   .parent = tree.parent[row],
                   .depth = tree.depth(row),
                   .id = tree.token[row],
                   .draw = tree.draw[row],
                   .fate = fate,
                   .p = mass(round.p, tree.parent[row], tree.token[row]),
                   .q = std::nullopt};
    if (tree.q_row[row] >= 0) fated.q = mass(tree.q, tree.q_row[row], fated.id);
    fates.rows.push_back(fated);
  }
  std::stable_sort(fates.rows.begin(), fates.rows.end(),
                   [](const FatedRow& a, const FatedRow& b) { return a.depth < b.depth; });
  if (text.size() == static_cast<size_t>(accepted) + 1) {
    const int last = path.empty() ? 0 : path.back();
    fates.p = mass(round.p, last, text.back());
    if (const int q = q_after(tree, last); q >= 0) fates.q = mass(tree.q, q, text.back());
  }
  return fates;
}

}  // namespace specula
