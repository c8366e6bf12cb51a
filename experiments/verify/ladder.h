// The four rungs of `specula verify`, each a function from an arm to a result.
//   L2  toy models in place of the real ones: the law of whole texts, enumerated, against the law they must follow
//   L0  the real models at temperature 0: token ids against those of the drafter `none`
//   L1  the real models at the arm's sampler: the first token of a round, drawn many times, against its exact law
//   L3  the real models: whole texts against those of `none`, by their likelihood under the target and their length
// Licence: Apache-2.0.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiments/verify/certificate.h"
#include "framework/certify/planted.h"
#include "framework/decode/decode.h"

namespace specula {

// Chosen so that a suite of a thousand compositions raises a false alarm in a thousand runs.
inline constexpr double kStepLevel = 1e-6;
// Permutations cannot show less than one over their number: 1e-3 after Holm's correction over arms and statistics.
inline constexpr double kTextLevel = 1e-3;
inline constexpr int kPermutations = 99999;

struct LadderOptions {
  std::set<std::string> rungs = {"L0", "L1", "L2", "L3"};
  int64_t draws = 300000;             // of L1, an arm, after its first text; others have a tenth
  std::optional<PlantedFault> fault;  // planted into every arm's rule
  std::optional<double> max_tv;       // of arms that set none
  int contexts = 3;                   // of L1
  int greedy_prompts = 8, greedy_tokens = 64;
  int text_prompts = 12, text_samples = 4, text_tokens = 48;
};

// What all rungs share; lent by the command.
struct Workbench {
  const Registries& registries;
  const ExperimentConfig& config;
  const LadderOptions& options;
  const Models& models;         // empty for L2
  std::vector<Prefix> prompts;  // first turns, the categories in turn
  std::vector<Token> stop;
};

// An arm's drafter and rule over given models, under any sampler.
class Player {
 public:
  using ModelOf = std::function<const LanguageModel&(const std::string& name)>;
  // `target` and the models are lent.
  Player(const Workbench& bench, const ArmConfig& arm, const LanguageModel& target, ModelOf models,
         const std::vector<Params>& samplers);
  // The same rule with the drafter `none`.
  static Player without_draft(const Workbench& bench, const ArmConfig& arm, const LanguageModel& target,
                              const std::vector<Params>& samplers);
  Session session(int64_t tokens, const Keyring& keys) const;
  const Verifier& rule() const { return *rule_; }
  bool reads_hidden() const { return !rule_->needs().hidden.empty() || !drafter_->needs().hidden.empty(); }
  // The drafter is made anew for each decode(): programs that are run again and again must not learn.
  void renew_drafter();

 private:
  const LanguageModel& target_;
  Policy policy_;
  bool q_next_;
  std::function<std::unique_ptr<Drafter>()> make_drafter_;
  std::unique_ptr<Drafter> drafter_;
  std::unique_ptr<Verifier> rule_;
  Sampler sampler_;
};

// What the arm's policy is built from, whichever models stand in for the real ones.
Parts parts_of_samplers(const Workbench& bench, const ArmConfig& arm);
std::vector<Params> at_temperature_0(const std::vector<Params>& samplers);
std::string formatted(const char* format, double value);  // of printf
bool is_lossless(const ArmConfig& arm);                   // exact, coupled or greedy exact: its texts follow p

RungResult toy_rung(const Workbench& bench, const ArmConfig& arm);
RungResult greedy_rung(const Workbench& bench, const ArmConfig& arm);
RungResult step_rung(const Workbench& bench, const ArmConfig& arm);
// Of all arms at once: Holm's correction runs over them.
std::vector<RungResult> text_rungs(const Workbench& bench);

}  // namespace specula
