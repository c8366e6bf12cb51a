// Drafts read from a suffix tree: what followed where the text's last tokens occurred before, most likely first
// (SuffixDecoding, Oliaro et al. 2024, section 3).  The probability of a row is the product of the shares along its
// path; the score of a draft is their sum, the number of tokens expected to be right if the past repeats itself.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/draft_tree.h"
#include "framework/lookup/suffix_tree.h"

namespace specula {

// Rows in the order in which they grew: each after its parent.
struct Growth {
  std::vector<Token> token;
  std::vector<int> parent;  // index into these; -1: the root of the draft
  double score = 0;
};

struct GrowthLimits {
  int tokens, depth;
  double least;  // probability of a row
  bool chain;    // only the most frequent child of each
};

// Best-first from a place of the tree.
void grow(const SuffixTree& tree, const SuffixTree::Place& place, const GrowthLimits& limits, Growth& growth);

// Where the last tokens of a text stand in a tree of other texts.
class SuffixMatch {
 public:
  // The longest first, the last of one token; shorter than the tree is deep.  Reads what was added to the text since
  // the last call, or its last tree.depth() tokens where the tree has changed.
  const std::vector<SuffixTree::Place>& places(const SuffixTree& tree, const Prefix& text);

 private:
  std::vector<SuffixTree::Place> places_;
  size_t seen_ = 0;
  int64_t version_ = -1;
};

// A tree of points in which a token stands once below a row, within limits.
class PointTree {
 public:
  PointTree(Token last, int rows, int depth);  // rows: at most, root included
  bool is_full() const { return tree_.size() >= rows_; }
  int add(Token token, int parent);  // its row, the one that is there already included; -1: no room, or too deep
  void add(const Growth& growth);
  DraftTree take() { return std::move(tree_); }

 private:
  struct Links {
    int first_child = -1, last_child = -1, next = -1, depth = 0;
  };
  DraftTree tree_;
  std::vector<Links> links_;
  int rows_, depth_;
};

}  // namespace specula
