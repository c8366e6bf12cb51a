#include "framework/lookup/suffix_draft.h"

#include <algorithm>

namespace specula {
namespace {

// A place whose run() is still to be drafted.
struct Open {
  double probability;
  size_t order;  // of equals the first
  SuffixTree::Place place;
  int parent, depth;
  bool operator<(const Open& other) const {
    return probability != other.probability ? probability < other.probability : order > other.order;
  }
};

}  // namespace

void grow(const SuffixTree& tree, const SuffixTree::Place& place, const GrowthLimits& limits, Growth& growth) {
  growth.token.clear();
  growth.parent.clear();
  growth.score = 0;
  std::vector<Open> heap{{1.0, 0, place, -1, 0}};
  std::vector<SuffixTree::Child> children;
  size_t order = 0;
  const auto most = static_cast<size_t>(std::max(limits.tokens, 0));
  while (!heap.empty() && growth.token.size() < most) {
    std::pop_heap(heap.begin(), heap.end());
    Open open = heap.back();
    heap.pop_back();
    for (const Token token : tree.run(open.place)) {  // inside an edge the next token is certain
      if (growth.token.size() >= most || open.depth >= limits.depth) break;
      growth.token.push_back(token);
      growth.parent.push_back(open.parent);
      growth.score += open.probability;
      open.parent = static_cast<int>(growth.token.size()) - 1;
      ++open.depth;
    }
    if (open.depth >= limits.depth) continue;
    if (limits.chain) {
      children.assign(1, tree.most_frequent(open.place.node));
    } else {
      tree.latest(open.place.node, SuffixTree::kCompared, children);
    }
    for (const SuffixTree::Child& child : children) {
      const double probability = open.probability * child.share;
      if (child.token == SuffixTree::kEnd || probability < limits.least) continue;
      heap.push_back({probability, ++order, {child.node, 0}, open.parent, open.depth});
      std::push_heap(heap.begin(), heap.end());
    }
  }
}

const std::vector<SuffixTree::Place>& SuffixMatch::places(const SuffixTree& tree, const Prefix& text) {
  if (version_ != tree.version() || seen_ > text.size()) {
    version_ = tree.version();
    places_.clear();
    seen_ = text.size() - std::min(text.size(), static_cast<size_t>(tree.depth()));
  }
  for (; seen_ < text.size(); ++seen_) {
    places_.emplace_back();
    size_t gone = places_.size() >= static_cast<size_t>(tree.depth()) ? 1 : 0;  // nothing follows at full depth
    for (size_t i = gone; i < places_.size(); ++i) {
      if (!tree.step(places_[i], text[seen_])) gone = i + 1;
    }
    places_.erase(places_.begin(), places_.begin() + static_cast<int64_t>(gone));
  }
  return places_;
}

PointTree::PointTree(Token last, int rows, int depth)
    : tree_(DraftTree::root_only(last)), links_(1), rows_(rows), depth_(depth) {}

int PointTree::add(Token token, int parent) {
  for (int row = links_[static_cast<size_t>(parent)].first_child; row >= 0;
       row = links_[static_cast<size_t>(row)].next) {
    if (tree_.token[static_cast<size_t>(row)] == token) return row;
  }
  const int depth = links_[static_cast<size_t>(parent)].depth + 1;
  if (is_full() || depth > depth_) return -1;
  const int row = tree_.add(token, parent, Draw::kPoint);
  links_.push_back({.depth = depth});
  Links& above = links_[static_cast<size_t>(parent)];
  if (above.first_child < 0) {
    above.first_child = row;
  } else {
    links_[static_cast<size_t>(above.last_child)].next = row;
  }
  above.last_child = row;
  return row;
}

void PointTree::add(const Growth& growth) {
  std::vector<int> row_of(growth.token.size());
  for (size_t i = 0; i < row_of.size(); ++i) {
    const int parent = growth.parent[i] < 0 ? 0 : row_of[static_cast<size_t>(growth.parent[i])];
    row_of[i] = parent < 0 ? -1 : add(growth.token[i], parent);
  }
}

}  // namespace specula
