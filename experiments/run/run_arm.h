// One arm at work: its drafter and verifier on its target, decoding one turn at a time into a record.  Licence:
// Apache-2.0.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "experiments/config/config.h"
#include "experiments/run/records.h"
#include "framework/decode/decode.h"
#include "framework/model/load.h"

namespace specula {

using Models = std::map<std::string, std::unique_ptr<LoadedModel>>;  // by their names in [models]

// The entries of [models] that the arms use: their targets and what their drafters name.
std::vector<std::string> used_models(const ExperimentConfig& config);
Models load_models(const ExperimentConfig& config);  // throws Error

struct Task {
  Prefix prompt;
  int64_t request = 0;
  bool fenced = false;
};

class ArmRunner {
 public:
  struct Shared {  // lent by the run, outlives the arms
    const Registries& registries;
    const ExperimentConfig& config;
    const Models& models;
    const Sampler& sampler;
    std::vector<Token> stop;
    const std::atomic<bool>& interrupt;
    double run_start;
  };
  ArmRunner(const Shared& shared, const ArmConfig& arm);

  const ArmConfig& config() const { return arm_; }
  const LanguageModel& target() const { return *shared_.models.at(arm_.target); }

  // Fills what was measured into `record`; false: interrupted, and the record means nothing.  Throws what decode()
  // throws.
  bool decode_into(Record& record, Task task);
  // After the warm-up: state that outlives a request must not come from it.
  void forget();

 private:
  void make_drafter();

  const Shared& shared_;
  const ArmConfig& arm_;
  std::unique_ptr<Drafter> drafter_;
  std::unique_ptr<Verifier> verifier_;
};

// Compares an arm's record with the baseline's of the same turn: exact, first_difference, and at temperature 0 the
// margin, for which one teacher-forced pass of the target is made.  `prompt` is what both were given.
void compare_texts(Record& record, const Record& baseline, const Prefix& prompt, const LanguageModel& target,
                   bool one_hot);

}  // namespace specula
