// One run of one resolved configuration: opens its folder, loads, warms up, plays what is missing.  Licence:
// Apache-2.0.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/commands.h"
#include "experiments/run/manifest.h"
#include "experiments/run/run_arm.h"
#include "experiments/run/run_signal.h"
#include "experiments/run/shard.h"

namespace specula {

struct CellResult {
  RunInfo info;  // what the manifest says
  std::filesystem::path folder{};
  ExitCode code = ExitCode::kOk;  // kPartial, or that of an interruption
  bool was_finished = false;      // by an earlier run: nothing was done
};

class CellRunner {
 public:
  CellRunner(const Registries& registries, const RunArgs& args, const Shard& shard = {})
      : registries_(registries), args_(args), shard_(shard) {}

  // Throws what refuses or ends the run; its folder then says so, and the models are given back.
  CellResult run(const ExperimentConfig& config, const SignalScope& signals);

 private:
  void forget_models();
  const Models& models_of(const ExperimentConfig& config);

  const Registries& registries_;
  const RunArgs& args_;
  Shard shard_;
  Models models_;  // of the last run: the next one may need the same
  std::string models_key_;
};

}  // namespace specula
