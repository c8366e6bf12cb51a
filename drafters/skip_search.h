// The search of `swift` for the blocks that a draft may leave out, as a value: sets are proposed and scored, and the
// best is kept.  A set skips a fixed number of attention and MLP blocks of the layers between the first and the last.
//
// Random sets first; then neighbours of the best one, a block swapped for another; every `model_interval` trials a set
// from a model (Thompson sampling: each block's mean score, with a normal error that shrinks with its trials, the best
// blocks taken), after which the best set is scored once more, so that a lucky score does not stay.  Xia et al. 2024
// alternate random sets with Gaussian-process proposals in the same way.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "framework/model/language_model.h"

namespace specula {

struct SkipSearchOptions {
  double skip_ratio = 0.45;  // of all blocks
  int model_interval = 25;   // trials
  int most_trials = 1000;
  int patience = 300;       // trials without a better set
  double max_score = 0.95;  // good enough
};

class SkipSearch {
 public:
  using Set = std::vector<char>;  // [2 (L-2)] attention, then MLP, of the layers 1..L-2; 1: skipped
  using Uniform = std::function<double()>;

  SkipSearch(int64_t layers, const SkipSearchOptions& options);  // layers >= 3

  bool is_over() const { return trials_ >= options_.most_trials || stale_ >= options_.patience || is_good(); }
  Set propose(const Uniform& uniform);
  void learn(const Set& set, double score);  // score in [0,1]
  const Set& best() const { return best_; }  // evenly spread blocks until a set has been scored
  double score() const { return best_trials_ == 0 ? 0 : best_sum_ / best_trials_; }
  int trials() const { return trials_; }
  Ask ask(const Set& set, Logits logits) const;

 private:
  bool is_good() const { return best_trials_ > 1 && score() >= options_.max_score; }
  Set random(const Uniform& uniform) const;
  Set neighbour(const Uniform& uniform) const;
  Set from_model(const Uniform& uniform) const;

  SkipSearchOptions options_;
  int64_t layers_;
  size_t blocks_, skipped_;
  Set best_;
  double best_sum_ = 0;
  int best_trials_ = 0, trials_ = 0, stale_ = 0;
  std::vector<double> sum_;  // [blocks] of the scores of sets that skipped the block
  std::vector<int> count_;   // [blocks] such sets
  double all_sum_ = 0;
};

}  // namespace specula
