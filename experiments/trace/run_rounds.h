// One turn of one prompt of a finished run, as each arm went through it: the rounds that its records count, and where
// the run recorded distributions each drafted token with what became of it.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/run/manifest.h"
#include "experiments/run/records.h"
#include "experiments/trace/fates.h"
#include "experiments/trace/token_names.h"

namespace specula {

// Where a token of the text came from.
enum class Source {
  kDraft,    // it was drafted and accepted
  kBonus,    // the target's own, behind a draft that was accepted to its end
  kInstead,  // the target's own, in the place of what it rejected
  kTarget    // the target's own; nothing was drafted, or what was is not known
};
const char* name_of(Source source);

struct RoundToken {
  Token id;
  Source source;
};

struct RunRound {
  int64_t start = 0;  // of its first token, in the text that was generated
  int drafted = 0, depth = 0, accepted = 0;
  bool is_cut = false;              // by a stop token or the limit
  std::vector<RoundToken> tokens;   // that joined the text
  std::optional<RoundFates> fates;  // no value: no distributions were recorded
};

struct ArmRounds {
  ArmInfo arm;
  std::string promise;         // its guarantee, as its target can keep it
  bool promises_text = false;  // that of the baseline
  Record record;               // of this turn
  bool is_recorded = false;    // with distributions
  std::vector<RunRound> rounds;
  std::shared_ptr<const TokenNames> names;  // of the arm's target; arms share them
  std::optional<double> tau, alpha;         // of this turn; see metrics.h
};

struct PromptRounds {
  RunInfo run;
  std::string prompt, category;
  int turn = 0, turns = 1, rep = 0;
  std::string text, text_missing;  // of the turn; why it could not be read
  std::vector<ArmRounds> arms;
};

struct RoundsWanted {
  std::string run, prompt;  // a folder, an id
  std::string arm;          // empty: all
  int turn = 0, rep = 0;
};

// Throws ConfigError for a prompt, an arm, a turn or a repetition that the run does not have, naming the nearest or
// some of those that it has; Error for records that hold no tokens, and where trace and record contradict each other.
PromptRounds read_rounds(const RoundsWanted& wanted);

}  // namespace specula
