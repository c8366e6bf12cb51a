// The best fixed tree for a pair of models, by the dynamic programme of Sequoia (Chen et al. 2024, section 3.1): from
// the probability that the r-th sibling of a node is the first that is accepted, the same at every node, and what
// passes cost.  Exact for that model of acceptance; how well the model fits a pair is another question, so measure the
// vector on text like the one that is to be decoded (`specula train acceptance_vector`).  O(B R M^2 D) for M nodes,
// depth D, R ranks: milliseconds at M = 128.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/decode/tree_file.h"

namespace specula {

inline constexpr int kMaxRanks = 64;  // of an acceptance vector

struct SequoiaCosts {
  std::vector<int> budgets;         // rows of a verification pass, root included, ascending
  std::vector<double> target_time;  // of a pass of so many rows, in any unit
  double draft_time = 0;            // of a pass of the draft model, one a depth; the same unit
  int max_depth = 10;               // below the root
};

struct SequoiaTree {
  TreeTemplate tree;
  double expected_tokens = 1;  // a round, the target's own token included
  double time_per_token = 0;   // in the unit of the costs
};

// The tree of exactly `rows` rows and at most `depth` below the root with the most expected tokens.  acceptance[r]:
// that sibling r is the first accepted.  Throws ConfigError for what is no such vector (probabilities that sum to at
// most 1), and where no such tree exists.
SequoiaTree best_tree(const std::vector<double>& acceptance, int rows, int depth);

// The tree that minimises (depth draft_time + target_time(rows)) / expected tokens over all budgets and depths; of
// equals the smaller.
SequoiaTree choose_tree(const std::vector<double>& acceptance, const SequoiaCosts& costs);

// The vector of a file: what `specula train acceptance_vector` writes, or a plain array.  Throws Error.
std::vector<double> read_acceptance(const std::string& path);

}  // namespace specula
