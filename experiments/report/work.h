// What a record had models do, counted from its rounds: positions that were processed and their arithmetic, passes that
// read weights.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "experiments/run/manifest.h"
#include "experiments/run/records.h"

namespace specula {

struct Work {
  double flop = 0, wasted_flop = 0;            // of everything; of positions that were thrown away
  double draft_flop = 0;                       // of the draft model, part of flop
  double target_passes = 0, draft_passes = 0;  // of rounds; without the prefill
};

// How an arm's work follows from its records.
struct WorkModel {
  const RunModel* target = nullptr;
  const RunModel* draft = nullptr;  // null: it drafts without a model
  bool q_next = false;              // a pass more in each round with a draft
  std::string why;                  // why its work is not known; "" : it is
};
WorkModel work_model(const RunInfo& run, const ArmInfo& arm);

// A position with c keys costs 2 x active parameters + 4 x layers x attention width x c.
double flop_of(const RunModel& model, double context);
Work work_of(const WorkModel& model, const Record& record);

}  // namespace specula
