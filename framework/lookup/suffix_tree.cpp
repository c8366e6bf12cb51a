#include "framework/lookup/suffix_tree.h"

#include <algorithm>
#include <limits>

namespace specula {

SuffixTree::SuffixTree(int depth) : depth_(depth), nodes_(1) {
  SPECULA_CHECK(depth >= 2, "a suffix tree of depth ", depth);
}

// ---- writing ----

// Cursors are of the lengths n, n-1, .. 1, n their number: one more is born at the root, and those that diverge or
// reach the depth are the longest.  Longer suffixes occurred in fewer places.
void SuffixTree::append(Token token) {
  SPECULA_CHECK(end() - base_ < std::numeric_limits<int32_t>::max() / 2, "a suffix tree of 2^30 tokens");
  text_.push_back(token);
  ++version_;
  cursors_.push_back({});
  const size_t count = cursors_.size();
  size_t gone = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto length = static_cast<int32_t>(count - i);  // of the suffix, this token included
    if (!advance(cursors_[i], token)) {
      SPECULA_DCHECK(gone == i, "suffix ", length, " diverges and a longer one does not");
      diverge(cursors_[i], length);
      gone = i + 1;
    } else if (length == depth_) {
      gone = i + 1;
    }
  }
  cursors_.erase(cursors_.begin(), cursors_.begin() + static_cast<int64_t>(gone));
}

void SuffixTree::end_text() {
  if (end() == text_start_) return;
  append(kEnd);
  for (const Place& cursor : cursors_) at(cursor.node).start = end() - cursor.offset;  // newest text, as in advance()
  cursors_.clear();
  text_start_ = end();
}

// A label is always a piece of the newest text that has all of it: then texts may leave in the order they came.
bool SuffixTree::advance(Place& cursor, Token token) {
  Node& node = at(cursor.node);
  if (cursor.offset < node.length) {
    if (token_at(node.start + cursor.offset) != token) return false;
    if (++cursor.offset == node.length) node.start = end() - node.length;
    return true;
  }
  const int32_t child = child_of(cursor.node, token);
  if (child == kNone) return false;
  enter(child);
  cursor = {child, 1};
  if (at(child).length == 1) at(child).start = end() - 1;
  return true;
}

// Counts a suffix that goes on to a child, and puts the child first.
void SuffixTree::enter(int32_t child) {
  ++at(child).count;
  const int32_t parent = at(child).parent;
  ++at(parent).passed;
  if (at(parent).child != child) {
    unlink(child);
    link(child);
  }
  const int32_t best = at(parent).best;
  if (best == kNone || at(child).count >= at(best).count) at(parent).best = child;
}

// The suffix whose last token stands at the end of the text occurred nowhere before: a leaf below the cursor.
void SuffixTree::diverge(const Place& cursor, int32_t length) {
  const int32_t parent = cursor.offset < at(cursor.node).length ? split(cursor) : cursor.node;
  const int64_t start = end() - 1;
  const int32_t leaf =
      new_node({.start = start, .length = depth_ - length + 1, .parent = parent, .first = token_at(start)});
  children_[key_of(parent, at(leaf).first)] = leaf;
  link(leaf);
  enter(leaf);
}

// Cuts the edge at the cursor.  The lower part keeps the id, for the sake of its children; cursors on the upper part
// have not passed the lower part's first token.
int32_t SuffixTree::split(const Place& cursor) {
  const int32_t lower = cursor.node, cut = cursor.offset;
  const int32_t upper = new_node(at(lower));
  put_in_place_of(upper, lower);
  Node& below = at(lower);
  int32_t still_above = 0;
  for (Place& other : cursors_) {
    if (other.node != lower) continue;
    if (other.offset <= cut) {
      other.node = upper;
      ++still_above;
    } else {
      other.offset -= cut;
    }
  }
  below.start += cut;
  below.length -= cut;
  below.count -= still_above;
  below.parent = upper;
  below.next = below.previous = kNone;
  below.first = token_at(below.start);
  Node& above = at(upper);
  above.start = end() - 1 - cut;  // the cursor's own text
  above.length = cut;
  above.passed = below.count;
  above.child = above.best = lower;
  children_[key_of(upper, below.first)] = lower;
  return upper;
}

// ---- forgetting ----

bool SuffixTree::forget_suffix() {
  SPECULA_CHECK(suffixes() > 0 && (oldest_ < text_start_ || suffixes() > depth_), "no suffix to forget: ", suffixes());
  ++version_;
  int32_t node = kRoot, depth = 0, above = 0;  // tokens to the node, and to where its edge begins
  bool merged = false;
  while (depth < depth_) {
    const int32_t child = child_of(node, token_at(oldest_ + depth));
    SPECULA_CHECK(child != kNone, "suffix ", oldest_, " is not in the tree at depth ", depth);
    --at(node).passed;
    if (--at(child).count == 0) {
      remove_edge(child);
      merged = merge_with_only_child(node);
      break;
    }
    if (at(node).best == child) at(node).best = frequent_child(node);
    node = child;
    above = depth;
    depth += at(child).length;
  }
  if (!merged && node != kRoot) retire_cursor(node, above);
  const bool is_last = token_at(oldest_++) == kEnd;
  drop_old_text();
  return is_last;
}

// Nobody passes this edge any more, so nobody is below it.
void SuffixTree::remove_edge(int32_t node) {
  const int32_t parent = at(node).parent;
  unlink(node);
  children_.erase(key_of(parent, at(node).first));
  if (at(parent).best == node) at(parent).best = frequent_child(parent);
  while (node != kNone) {  // what is left below is a chain of edges of the suffix alone
    const int32_t below = at(node).child;
    if (below != kNone) children_.erase(key_of(node, at(below).first));
    free_.push_back(node);
    node = below;
  }
}

// An inner node is worth its place where texts part, or where a cursor stands.
bool SuffixTree::merge_with_only_child(int32_t node) {
  const int32_t only = at(node).child;
  if (node == kRoot || only == kNone || at(only).next != kNone || at(only).count != at(node).count) return false;
  const Node gone = at(node);
  children_.erase(key_of(node, at(only).first));
  put_in_place_of(only, node);
  Node& whole = at(only);
  whole.parent = gone.parent;
  whole.next = gone.next;
  whole.previous = gone.previous;
  whole.first = gone.first;
  whole.start -= gone.length;
  whole.length += gone.length;
  for (Place& cursor : cursors_) {
    if (cursor.node == only) cursor.offset += gone.length;
  }
  free_.push_back(node);
  return true;
}

// Where only cursors are left on an edge, their strings occur nowhere else any more: the longest becomes a leaf.
void SuffixTree::retire_cursor(int32_t node, int32_t depth_above) {
  Node& edge = at(node);
  if (edge.passed != 0) return;
  const auto here = std::count_if(cursors_.begin(), cursors_.end(), [&](const Place& c) { return c.node == node; });
  if (here == 0 || edge.count != here) return;
  SPECULA_CHECK(cursors_.front().node == node, "a cursor retires before a longer one");
  edge.start = end() - cursors_.front().offset;
  edge.length = depth_ - depth_above;
  cursors_.erase(cursors_.begin());
}

void SuffixTree::drop_old_text() {
  const int64_t dead = oldest_ - base_;
  if (2 * dead < static_cast<int64_t>(text_.size()) || dead < 1024) return;
  text_.erase(text_.begin(), text_.begin() + dead);
  base_ = oldest_;
}

// ---- the lists of children ----

int32_t SuffixTree::child_of(int32_t node, Token first) const {
  const int32_t* child = children_.find(key_of(node, first));
  return child != nullptr ? *child : kNone;
}

int32_t SuffixTree::new_node(const Node& node) {
  if (free_.empty()) {
    const Node copy = node;  // it may be one of nodes_
    nodes_.push_back(copy);
    return static_cast<int32_t>(nodes_.size() - 1);
  }
  const int32_t id = free_.back();
  free_.pop_back();
  at(id) = node;
  return id;
}

void SuffixTree::link(int32_t child) {
  Node& parent = at(at(child).parent);
  at(child).next = parent.child;
  at(child).previous = kNone;
  if (parent.child != kNone) at(parent.child).previous = child;
  parent.child = child;
}

void SuffixTree::unlink(int32_t child) {
  const Node& node = at(child);
  if (node.previous != kNone) {
    at(node.previous).next = node.next;
  } else {
    at(node.parent).child = node.next;
  }
  if (node.next != kNone) at(node.next).previous = node.previous;
}

// Among its siblings, in the map and as its parent's best; the node's own links are the caller's.
void SuffixTree::put_in_place_of(int32_t node, int32_t old) {
  const Node& was = at(old);
  Node& parent = at(was.parent);
  if (was.previous != kNone) {
    at(was.previous).next = node;
  } else {
    parent.child = node;
  }
  if (was.next != kNone) at(was.next).previous = node;
  if (parent.best == old) parent.best = node;
  children_[key_of(was.parent, was.first)] = node;
}

int32_t SuffixTree::frequent_child(int32_t node) const {
  int32_t best = kNone;
  int compared = 0;
  for (int32_t child = at(node).child; child != kNone && compared < kCompared; child = at(child).next, ++compared) {
    if (best == kNone || at(child).count > at(best).count) best = child;
  }
  return best;
}

// ---- reading ----

bool SuffixTree::step(Place& place, Token token) const {
  const Node& node = at(place.node);
  if (place.offset < node.length) {
    const int64_t position = node.start + place.offset;
    if (position >= end() || token_at(position) != token) return false;
    ++place.offset;
    return true;
  }
  const int32_t child = child_of(place.node, token);
  if (child == kNone) return false;
  place = {child, 1};
  return true;
}

std::span<const Token> SuffixTree::run(const Place& place) const {
  const Node& node = at(place.node);
  const int64_t from = node.start + place.offset;
  const int64_t to = std::min(node.start + node.length, end());
  if (to <= from) return {};
  const std::span<const Token> label(&text_[static_cast<size_t>(from - base_)], static_cast<size_t>(to - from));
  return label.first(static_cast<size_t>(std::find(label.begin(), label.end(), kEnd) - label.begin()));
}

void SuffixTree::latest(int32_t node, int most, std::vector<Child>& found) const {
  found.clear();
  const double all = at(node).passed;
  for (int32_t id = at(node).child; id != kNone && most > 0; id = at(id).next, --most)
    found.push_back({id, at(id).first, at(id).count / all});
}

SuffixTree::Child SuffixTree::most_frequent(int32_t node) const {
  const int32_t best = at(node).best;
  if (best == kNone) return {kNone, kEnd, 0};
  return {best, at(best).first, static_cast<double>(at(best).count) / at(node).passed};
}

}  // namespace specula
