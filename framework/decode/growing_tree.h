// A draft tree while it grows: rows, what the model says after them, and draws by one law.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <vector>

#include "framework/decode/draft_tree.h"

namespace specula {

struct GrowthLimits {
  int depth;  // of the deepest row
  int rows;   // root included
  int width;  // children of a row
};

// How probabilities become children.  kIid: each child is a draw from q.  kWithoutReplacement: each child is a draw
// from q without its earlier siblings, renormalised, which is the law and the order of Gumbel-top-k (the k first of an
// exponential race; Kool et al. 2019) at one uniform a child; at most as many children as q has tokens.  kPoint: the
// most likely tokens in their order, the lowest id first where they tie.
class GrowingTree {
 public:
  // uniform(row): fresh for every row of the tree, the same number never for two.
  GrowingTree(Token root, Draw law, GrowthLimits limits, std::function<double(int row)> uniform);

  const DraftTree& tree() const { return tree_; }
  Draw law() const { return law_; }
  int size() const { return tree_.size(); }
  int room() const { return limits_.rows - size(); }  // rows that may still be added
  int depth(int row) const { return nodes_[static_cast<size_t>(row)].depth; }
  bool is_known(int row) const { return nodes_[static_cast<size_t>(row)].is_known; }  // what follows the row
  // Whether the limits allow a child; whether a token is left for it shows once it is drawn.
  bool may_grow(int row) const { return depth(row) < limits_.depth && room() > 0; }

  // The probability of the path down to the row, by the model alone.
  double mass(int row) const { return nodes_[static_cast<size_t>(row)].mass; }
  // What the next child of a known row may have at most: of points exactly that, of draws the share of the path that
  // its children have not taken (Xiong et al. 2024).  0: no token is left.
  double next_mass(int row) const;
  double ranked_mass(int row, int rank) const;  // points: of the rank-th most likely token below the row; 0: none

  // The next child of a known row by the law; -1 where no token, room or depth is left.
  int add_child(int row);
  // Points: the rank-th most likely token below a known row, which no child has yet; -1 as above.
  int add_ranked_child(int row, int rank);

  // What the model says after `rows`: q [rows,V] float32, contiguous, rows sum to 1.  It is the tree's own from now on.
  void learn(const std::vector<int>& rows, Tensor q);

  // The tree, with q and q_next of the known rows unless they are points.
  DraftTree finish() &&;
  // Only the given rows of a tree of points.
  DraftTree finish(const std::vector<int>& kept) &&;

 private:
  struct Ranked {
    Token token;
    float mass;
  };
  struct Node {
    int depth;
    double mass;
    bool is_known = false;
    float* q = nullptr;            // [V], of drawn rows
    std::vector<Token> drawn{};    // children without replacement
    double left = 1;               // mass that these have left
    std::vector<Ranked> ranked{};  // points: the most likely tokens, in order
    int next_rank = 0;
  };
  Node& at(int row) { return nodes_[static_cast<size_t>(row)]; }
  const Node& at(int row) const { return nodes_[static_cast<size_t>(row)]; }
  int add(int parent, Token token, double share);
  int draw(int row);
  static std::vector<Ranked> most_likely(const float* q, int64_t vocab, int count);

  DraftTree tree_;
  Draw law_;
  GrowthLimits limits_;
  std::function<double(int row)> uniform_;
  std::vector<Node> nodes_;
  std::vector<Tensor> q_;  // of each learn()
  int64_t vocab_ = 0;
  int q_rows_ = 0;
};

}  // namespace specula
