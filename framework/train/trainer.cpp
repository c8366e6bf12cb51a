#include "framework/train/trainer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace specula {
namespace {

// Adds `weight` times the figures.
void add(Figures& sum, const Figures& figures, double weight) {
  if (sum.empty()) {
    for (const auto& [name, value] : figures) sum.emplace_back(name, 0.0);
  }
  SPECULA_CHECK(sum.size() == figures.size(), sum.size(), " figures and ", figures.size());
  for (size_t i = 0; i < sum.size(); ++i) sum[i].second += weight * figures[i].second;
}

}  // namespace

double learning_rate(const TrainingPlan& plan, int64_t step) {
  const double rise =
      std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(std::max<int64_t>(1, plan.warmup)));
  const double done = static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, plan.steps));
  const double fall = 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, done)));
  return plan.learning_rate * rise * (plan.final_share + (1 - plan.final_share) * fall);
}

Trainer::Trainer(const Parts& parts, const TrainingPlan& plan)
    : parts_(parts),
      plan_(plan),
      optimizer_(parts.objective.parameters(), plan.optimizer),
      checkpoints_(parts.checkpoints) {
  if (parts_.group != nullptr && plan_.sequences % parts_.group->size() != 0)
    throw ConfigError(cat("[batch] sequences = ", plan_.sequences, " cannot be shared by ", parts_.group->size(),
                          " processes; expected a multiple"));
  const std::optional<TrainState> found = checkpoints_.newest();
  if (!found) return;
  state_ = *found;
  saved_ = state_.step;
  checkpoints_.load(state_.step, optimizer_.state());
}

// What the processes of a group computed becomes the same in all of them.
void Trainer::share(StepReport& report, bool stops) {
  is_asked_ = stops;
  if (parts_.group == nullptr) return;
  std::vector<Tensor> gradients;
  for (const Parameter& parameter : optimizer_.parameters()) gradients.push_back(parameter.tensor.grad());
  std::vector<double> numbers = {stops ? 1.0 : 0.0};
  for (const auto& [name, value] : report.figures) numbers.push_back(value);
  parts_.group->average(gradients, numbers);
  is_asked_ = numbers[0] > 0;
  for (size_t i = 0; i < report.figures.size(); ++i) report.figures[i].second = numbers[i + 1];
}

StepReport Trainer::make_step(bool stops) {
  const int64_t rows = plan_.sequences * plan_.accumulate;
  const int64_t parts = parts_.group == nullptr ? 1 : parts_.group->size(), own = plan_.sequences / parts;
  const int64_t begin = parts_.group == nullptr ? 0 : parts_.group->rank() * own;
  StepReport report{.step = state_.step + 1, .learning_rate = learning_rate(plan_, state_.step)};
  optimizer_.forget_gradients();
  const double weight = 1 / static_cast<double>(plan_.accumulate);
  for (int64_t pass = 0; pass < plan_.accumulate; ++pass) {
    const int64_t first = state_.step * rows + pass * plan_.sequences + begin;
    add(report.figures, parts_.objective.learn({parts_.batches.rows(first, own), first}, weight), weight);
  }
  share(report, stops);
  report.gradient_norm = optimizer_.clip(plan_.clip);
  const double loss = report.figures.front().second;
  if (!std::isfinite(loss) || !std::isfinite(report.gradient_norm)) {
    throw NumericError(
        cat("step ", report.step, ": ", report.figures.front().first, " is ", loss, ", the norm of its gradients ",
            report.gradient_norm, " (learning rate ", report.learning_rate, "); ",
            saved_ < 0 ? std::string("there is no checkpoint yet")
                       : cat("the checkpoint of step ", saved_, " is kept in ", parts_.checkpoints.string())));
  }
  optimizer_.step(report.learning_rate, report.step);
  return report;
}

void Trainer::validate() {
  const at::NoGradGuard no_grad;
  const int64_t count = parts_.held_out.size(0);
  Figures means;
  for (int64_t first = 0; first < count; first += plan_.sequences) {
    const int64_t rows = std::min(plan_.sequences, count - first);
    add(means, parts_.objective.validate(parts_.held_out.narrow(0, first, rows)),
        static_cast<double>(rows) / static_cast<double>(count));
  }
  const double merit = parts_.objective.merit(means);
  const bool is_best = state_.best_step == 0 || merit > state_.best_merit;
  if (is_best) {
    state_.best_step = state_.step;
    state_.best_merit = merit;
  }
  state_.since_best = is_best ? 0 : state_.since_best + 1;
  parts_.log.validated(state_.step, means, is_best);
  if (is_best) save();
}

void Trainer::save() {
  if (saved_ == state_.step || !saves()) return;
  parts_.log.saving(state_.step);
  checkpoints_.save(state_, optimizer_.state());
  saved_ = state_.step;
}

TrainingEnd Trainer::run(const std::atomic<bool>& stop) {
  const bool validates = parts_.held_out.defined() && plan_.validate_every > 0;
  TrainingEnd end = TrainingEnd::kAllSteps;
  const auto is_early = [&] { return plan_.patience > 0 && state_.since_best >= plan_.patience; };
  while (state_.step < plan_.steps && !is_early()) {
    const StepReport report = make_step(stop.load());
    ++state_.step;
    parts_.log.stepped(report);
    if (validates && (is_due(plan_.validate_every) || state_.step == plan_.steps)) validate();
    if (is_due(plan_.checkpoint_every)) save();
    if (!is_asked_ || state_.step == plan_.steps) continue;
    save();
    return TrainingEnd::kInterrupted;
  }
  if (is_early()) end = TrainingEnd::kEarly;
  save();
  if (state_.best_step > 0 && saves()) checkpoints_.load(state_.best_step, optimizer_.parameters());
  return end;
}

}  // namespace specula
