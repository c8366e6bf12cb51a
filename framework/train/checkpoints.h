// Where a training stands, on disk: a folder step-N for each state that is kept, with parameters and moments of the
// optimizer in one safetensors file.  A folder is there whole or not at all, and the one before it goes only when the
// new one is there, so a full disk or a kill leaves the last good one.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "framework/train/objective.h"

namespace specula {

struct TrainState {
  int64_t step = 0;       // steps that were made
  int64_t best_step = 0;  // after which the merit was greatest; 0: nothing was validated yet
  double best_merit = 0;
  int64_t since_best = 0;  // validations that followed
};

class Checkpoints {
 public:
  explicit Checkpoints(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Then removes all but this one and that of the best step.  Throws Error.
  void save(const TrainState& state, const std::vector<Parameter>& tensors) const;
  std::optional<TrainState> newest() const;  // throws Error for a folder that cannot be read
  // Into the tensors, which the file must hold; what else it holds stays there.  Throws Error.
  void load(int64_t step, const std::vector<Parameter>& tensors) const;

 private:
  std::filesystem::path at(int64_t step) const { return folder_ / cat("step-", step); }
  std::vector<int64_t> steps() const;

  std::filesystem::path folder_;
};

}  // namespace specula
