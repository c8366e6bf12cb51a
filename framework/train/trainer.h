// The loop of every training: passes of an objective, clipped gradients, AdamW under a schedule, validation, the best
// parameters, checkpoints.  Nothing in it is drawn: with the same threads a training that was killed and resumed makes
// the same steps, bit for bit, as one that was not.  Licence: Apache-2.0.
#pragma once

#include <atomic>
#include <filesystem>

#include "framework/train/adamw.h"
#include "framework/train/checkpoints.h"
#include "framework/train/objective.h"
#include "framework/train/token_batches.h"
#include "framework/train/training_group.h"

namespace specula {

struct TrainingPlan {
  int64_t steps = 0;
  int64_t sequences = 16;  // rows of a pass
  int64_t accumulate = 1;  // passes of a step
  double learning_rate = 1e-3;
  int64_t warmup = 100;      // steps over which the rate rises
  double final_share = 0.1;  // of the rate, at the end of a cosine (Loshchilov and Hutter 2017)
  double clip = 1;           // norm of the gradients; 0: none
  AdamWOptions optimizer;
  int64_t validate_every = 0;    // steps; 0: never
  int64_t patience = 0;          // validations without a better one that end it; 0: all steps are made
  int64_t checkpoint_every = 0;  // steps; 0: at the end, and where it is interrupted
};

double learning_rate(const TrainingPlan& plan, int64_t step);  // of the step after `step` others

struct StepReport {
  int64_t step = 0;  // counted from 1
  Figures figures;   // means of its passes
  double learning_rate = 0, gradient_norm = 0;
};

// Hears what the loop does, in its order.
class TrainingLog {
 public:
  virtual ~TrainingLog() = default;
  virtual void stepped(const StepReport& report) = 0;
  virtual void validated(int64_t step, const Figures& figures, bool is_best) = 0;
  virtual void saving(int64_t step) = 0;  // a checkpoint of all that was told so far comes next
};

enum class TrainingEnd { kAllSteps, kEarly, kInterrupted };

class Trainer {
 public:
  struct Parts {
    Objective& objective;
    const TokenBatches& batches;
    Tensor held_out;  // [N,T+1]; undefined: none
    std::filesystem::path checkpoints;
    TrainingLog& log;
    TrainingGroup* group = nullptr;  // the processes that share the rows; null: there is one.  Rank 0 saves
  };
  // Takes up the newest checkpoint where there is one.  Throws Error.
  Trainer(const Parts& parts, const TrainingPlan& plan);

  int64_t step() const { return state_.step; }  // steps that were made
  const TrainState& state() const { return state_; }
  // Until the plan is fulfilled or `stop` becomes true; then the objective has the best parameters, or without any
  // validation the last.  Throws NumericError naming the step where the loss or a gradient is no number, and Error
  // where a checkpoint cannot be written; the last good one stays.
  TrainingEnd run(const std::atomic<bool>& stop);

 private:
  StepReport make_step(bool stops);
  void share(StepReport& report, bool stops);
  bool saves() const { return parts_.group == nullptr || parts_.group->rank() == 0; }
  void validate();
  void save();
  bool is_due(int64_t every) const { return every > 0 && state_.step % every == 0; }

  Parts parts_;
  TrainingPlan plan_;
  AdamW optimizer_;
  Checkpoints checkpoints_;
  TrainState state_;
  int64_t saved_ = -1;     // the step of the newest checkpoint
  bool is_asked_ = false;  // some process was asked to stop
};

}  // namespace specula
