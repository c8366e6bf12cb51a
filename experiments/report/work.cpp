#include "experiments/report/work.h"

#include <algorithm>

namespace specula {
namespace {

const RunModel* find_model(const RunInfo& run, const std::string& name) {
  const auto found =
      std::find_if(run.models.begin(), run.models.end(), [&](const RunModel& m) { return m.name == name; });
  return found == run.models.end() ? nullptr : &*found;
}

// The sum of flop_of over `count` positions with first, first + 1, ... keys.
double flop_of_range(const RunModel& model, double first, double count) {
  return count * flop_of(model, first + (count - 1) / 2);
}

}  // namespace

WorkModel work_model(const RunInfo& run, const ArmInfo& arm) {
  WorkModel model{.target = find_model(run, arm.target), .q_next = arm.q_next};
  if (!arm.strategy.empty()) return {.why = "strategy"};
  if (model.target == nullptr || model.target->active == 0) return {.why = "no_model_size"};
  if (arm.drafting == "lookup") return model;
  if (arm.drafting != "chain") return {.why = "draft_work_unknown"};
  model.draft = find_model(run, arm.draft_model);
  if (model.draft == nullptr || model.draft->active == 0) return {.why = "no_model_size"};
  return model;
}

double flop_of(const RunModel& model, double context) {
  return 2.0 * static_cast<double>(model.active) +
         4.0 * static_cast<double>(model.layers * model.attention_width) * context;
}

Work work_of(const WorkModel& model, const Record& record) {
  Work work;
  double length = static_cast<double>(record.n_in);         // of the text; its last token is the root
  double seen = length - 1;                                 // positions of it in the draft's cache
  work.flop = flop_of_range(*model.target, 1, length - 1);  // the prefill leaves the root out
  if (model.draft != nullptr) work.draft_flop = flop_of_range(*model.draft, 1, length - 1);
  for (size_t i = 0; i < record.rounds.size(); ++i) {
    const double drafted = record.rounds.drafted[i], depth = record.rounds.depth[i], kept = record.rounds.kept[i];
    const double side = drafted - depth;  // rows off the deepest path, counted as deep as it
    const double rows = flop_of_range(*model.target, length, depth + 1) + side * flop_of(*model.target, length + depth);
    work.flop += rows;
    work.wasted_flop += rows - flop_of_range(*model.target, length, kept);
    ++work.target_passes;
    if (model.draft != nullptr && drafted > 0) {
      const double fed = drafted - (model.q_next ? 0 : 1);  // of the drafted tokens
      const double stay = std::min(fed, std::min<double>(record.rounds.accepted[i], kept));
      work.draft_flop += flop_of_range(*model.draft, seen + 1, length + fed - seen);
      work.wasted_flop += flop_of_range(*model.draft, length + stay + 1, fed - stay);
      work.draft_passes += fed + 1;
      seen = length + stay;
    }
    length += kept;
  }
  work.flop += work.draft_flop;
  return work;
}

}  // namespace specula
