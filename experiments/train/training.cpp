#include "experiments/train/training.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "experiments/run/environment.h"
#include "experiments/run/run_signal.h"
#include "experiments/train/train_folder.h"
#include "experiments/train/training_page.h"
#include "framework/core/log.h"
#include "framework/model/device.h"
#include "framework/model/load.h"
#include "framework/model/threads.h"
#include "framework/train/autocast.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

bool is_cuda(const TrainConfig& config) { return config.train.device == "cuda"; }

bool computes_bf16(const TrainConfig& config) {
  const bool is_fast = is_cuda(config) || has_fast_bfloat16();
  return config.optimizer.dtype == "bf16" || (config.optimizer.dtype == "auto" && is_fast);
}

// What can change a number of the training: not where it is written, nor a remark.
std::string config_hash(const TrainConfig& config) {
  Value semantic = config.resolved;
  semantic.find("train")->erase("note");
  semantic.find("output")->erase("dir");
  return sha256(to_json(semantic, -1));
}

TrainInfo info_of(const Training& training, const TrainTexts& texts, const std::vector<std::string>& argv) {
  TrainInfo info{.kind = training.kind, .argv = argv};
  info.identity = {{"config", config_hash(training.config)},
                   {"kind", training.kind},
                   {"numbers", computes_bf16(training.config) ? "bf16" : "fp32"},
                   {"texts", texts.sha256},
                   {"binary", binary_sha256()}};
  for (const auto& [name, folder] : training.folders)
    info.identity["model." + name] = read_model_info(folder).fingerprint;
  return info;
}

std::string join_identity(const TrainInfo& info) {
  std::string text;
  for (const auto& [name, value] : info.identity) text += cat(name, "=", value, "\n");
  return text;
}

Tensor held_out_rows(const TrainConfig& config, const TrainTexts& texts) {
  if (config.validation.every == 0) return {};
  return rows_in_order(
      texts.held_out, config.batch.length, config.validation.rows,
      "the held-out part of the texts ([sources.<name>] held_out), which [validation] every asks for,");
}

std::string end_text(TrainingEnd end, const TrainState& state, const TrainingPlan& plan) {
  std::string text = cat("step ", state.step, " of ", plan.steps);
  if (end == TrainingEnd::kEarly) text += cat(", ended early: ", state.since_best, " validations without a better one");
  if (end == TrainingEnd::kInterrupted) text += ", interrupted; running again goes on";
  if (state.best_step > 0) text += cat("; best after step ", state.best_step);
  return text;
}

// Of processes that only help: rank 0 writes.
class SilentLog final : public TrainingLog {
  void stepped(const StepReport& /*report*/) override {}
  void validated(int64_t /*step*/, const Figures& /*figures*/, bool /*is_best*/) override {}
  void saving(int64_t /*step*/) override {}
};

// What all processes hold alike.
struct Prepared {
  const Training& training;
  const TrainTexts& texts;
  const TokenBatches& batches;
  TrainingPlan plan;
  TrainingGroup* group;
};

Trainer trainer_of(const Prepared& prepared, Objective& objective, const fs::path& checkpoints, TrainingLog& log) {
  return {{.objective = objective,
           .batches = prepared.batches,
           .held_out = held_out_rows(prepared.training.config, prepared.texts),
           .checkpoints = checkpoints,
           .log = log,
           .group = prepared.group},
          prepared.plan};
}

ExitCode train(const Prepared& prepared, Objective& objective, const TrainFolder& folder) {
  const TrainingPlan& plan = prepared.plan;
  const std::optional<TrainState> begun = Checkpoints(folder.checkpoints()).newest();
  const int64_t tokens = plan.sequences * plan.accumulate * prepared.training.config.batch.length;
  TrainRecorder recorder(folder, plan, tokens, begun ? begun->step : 0);
  Trainer trainer = trainer_of(prepared, objective, folder.checkpoints(), recorder);
  if (begun) log::info(cat(folder.path().string(), ": goes on behind step ", begun->step));
  folder.status({.state = "running", .done = trainer.step(), .total = plan.steps});
  const SignalScope signals;
  const TrainingEnd end = trainer.run(signals.flag());
  recorder.clear();
  std::cout << folder.path().string() << ": " << end_text(end, trainer.state(), plan) << "\n";
  if (end == TrainingEnd::kInterrupted) {
    folder.status({.state = "interrupted", .done = trainer.step(), .total = plan.steps});
    return signals.code();
  }
  fs::remove_all(folder.model());  // of a process that died before it said that it was done
  objective.write(folder.model());
  std::cout << "wrote " << folder.model().string() << " and " << write_training_page(folder.path()).string() << "\n";
  folder.finish({.state = "done", .done = trainer.step(), .total = plan.steps}, "DONE");
  return ExitCode::kOk;
}

ExitCode help(const Prepared& prepared, Objective& objective, const fs::path& folder) {
  SilentLog log;
  Trainer trainer = trainer_of(prepared, objective, folder / "checkpoints", log);
  const SignalScope signals;
  return trainer.run(signals.flag()) == TrainingEnd::kInterrupted ? signals.code() : ExitCode::kOk;
}

}  // namespace

DecoderTraining decoder_training(const TrainConfig& config) {
  return {.autocast = computes_bf16(config),
          .device = is_cuda(config) ? at::kCUDA : at::kCPU,
          .written = parse_written_dtype(config.output.dtype, "[output] dtype")};
}

ExitCode run_training(const Training& training, const TrainModelArgs& args) {
  const TrainConfig& config = training.config;
  if (args.rank.empty() != args.meet.empty()) throw ConfigError("--rank and --meet belong together; give both or none");
  if (!args.rank.empty() && args.resume == "never")
    throw ConfigError("--resume never: processes that train together know one folder; give another --out");
  const GroupPlace place = args.rank.empty() ? GroupPlace{} : parse_group_place(args.rank, args.meet);
  check_device(config.train.device, "[train] device");
  set_threads(config.train.threads);
  const TrainTexts texts = read_train_texts(config, training.tokenizer);
  const TrainingPlan plan = config.plan();
  const TokenBatches batches(texts.sources, config.batch.length, plan.sequences * plan.accumulate,
                             static_cast<uint64_t>(config.train.seed));
  // Wrong input, and what cannot be trained, is told before anything is written.
  held_out_rows(config, texts);
  const std::unique_ptr<Objective> objective = training.make(texts);
  const TrainInfo info = info_of(training, texts, args.argv);
  const auto group = args.rank.empty() ? nullptr : std::make_unique<TrainingGroup>(place);
  if (group != nullptr) group->agree("configuration, texts or program", join_identity(info));
  const Prepared prepared{.training = training, .texts = texts, .batches = batches, .plan = plan, .group = group.get()};
  if (place.rank > 0) return help(prepared, *objective, fs::path(config.output.dir) / config.train.name);
  const TrainFolder folder(config, info, args.resume);
  if (folder.is_done()) {
    std::cout << folder.path().string() << ": was trained before; --resume never begins a new one beside it\n";
    return ExitCode::kOk;
  }
  try {
    return train(prepared, *objective, folder);
  } catch (const std::exception& e) {
    folder.finish({.state = "failed", .total = plan.steps, .last_error = e.what()}, "FAILED");
    throw;
  }
}

}  // namespace specula
