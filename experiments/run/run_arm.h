// One arm at work: its drafter and verifier, or its strategy, on its target, decoding one turn at a time into a record.
// Licence: Apache-2.0.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "experiments/config/config.h"
#include "experiments/run/power_meter.h"
#include "experiments/run/records.h"
#include "experiments/run/shared_prefill.h"
#include "experiments/run/trace_file.h"
#include "framework/decode/decode.h"
#include "framework/model/load.h"

namespace specula {

using Models = std::map<std::string, std::unique_ptr<LoadedModel>>;  // by their names in [models]

// The entries of [models] that the arms use: their targets and what their drafters name.
std::vector<std::string> used_models(const ExperimentConfig& config);
std::string models_key(const ExperimentConfig& config);    // what loading them depends on: equal keys, equal models
std::string sampler_text(const ExperimentConfig& config);  // "temperature(0.7),top_p(0.9)"
Models load_models(const ExperimentConfig& config);        // throws Error

Parts parts_of(const ExperimentConfig& config, const ArmConfig& arm, const Models& models);  // both outlive it

// Turns that are decoded together; one as a rule.
struct Task {
  std::vector<Prefix> prompts;
  std::vector<int64_t> requests;  // of each prompt
  bool fenced = false;
  bool expected = false;                         // also computes the expected accepted length of each round, unbilled
  std::vector<TraceRecorder>* traces = nullptr;  // of each prompt, hear of every round, unbilled; null: nobody records
  double timeout_s = 0;                          // after which it is given up, by an Error; 0: none
  SharedPrefill* prefill = nullptr;              // null: the arm takes its prompts in itself
};

class ArmRunner {
 public:
  struct Shared {  // lent by the run, outlives the arms
    const Registries& registries;
    const ExperimentConfig& config;
    const Models& models;
    const Sampler& sampler;
    std::vector<Token> stop;  // of the baseline's target
    const std::atomic<bool>& interrupt;
    double run_start;
    std::map<std::string, std::vector<Token>> other_stops{};  // of the other targets, by name
    PowerMeter* power = nullptr;                              // read around each unfenced turn; null: nobody asks
  };
  ArmRunner(const Shared& shared, const ArmConfig& arm);

  const ArmConfig& config() const { return arm_; }
  const LanguageModel& target() const { return *shared_.models.at(arm_.target); }

  // What its trace says of itself.
  TraceHeader trace_header() const;

  // Fills what was measured into the records, one a prompt; false: interrupted, and they mean nothing.  Throws what
  // decode() throws.
  bool decode_into(std::span<Record> records, const Task& task);
  // Whether its drafter learns from one request for the next.
  bool learns() const { return arm_.composed.drafter.scope == Scope::kRun; }
  void forget();  // what was learned

 private:
  void make_drafter();
  std::vector<Decoded> decode_task(const Task& task, const KvCache* prefilled, PhaseClock& clock, RoundLog& log) const;
  bool can_share_prefill(const Task& task) const;
  bool asks_q_next() const;

  const Shared& shared_;
  const ArmConfig& arm_;
  Parts parts_;
  std::unique_ptr<Drafter> drafter_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<Strategy> strategy_;  // in the place of the two
};

// Compares an arm's record with the baseline's of the same turn: exact, first_difference, and at temperature 0 the
// margin, for which one teacher-forced pass of the target is made.  `prompt` is what both were given.
void compare_texts(Record& record, const Record& baseline, const Prefix& prompt, const LanguageModel& target,
                   bool one_hot);
// The same of an arm that decodes from another target: whether two models wrote the same text.  There is no margin,
// since no rounding explains a difference.
void compare_texts_of_models(Record& record, const Record& baseline);

}  // namespace specula
