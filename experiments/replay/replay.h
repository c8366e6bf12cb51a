// Judges the recorded rounds of an arm once more, by many rules and without a model.  All rules see the same rounds:
// those of the text that the recorded rule wrote, so that rules are compared pair by pair and the model's noise drops
// out. What is lost: a rule never sees the texts that it would have written itself.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/replay/replay_rules.h"
#include "experiments/run/records.h"

namespace specula {

struct ReplayOptions {
  std::string prefix;  // of the arms' names
  uint64_t seed = 0;   // of the run: each rule is played once with the keys that the run would have given it
  int draws = 1000;    // behind expected lengths that have no exact form
};

// Each record of the traces (of one arm: one, or one of each shard) by each rule, under the arm name <prefix><rule>:
// drafted, depth, accepted, kept = accepted + 1, expected, rule_us, notes.  A rule that throws leaves `rules.rules` for
// `rules.left_out`, with what it threw, and has no records.  Throws Error for a trace that cannot be read, and where
// none holds a whole record.
std::vector<Record> replay_traces(const std::vector<std::filesystem::path>& files, ReplayRules& rules,
                                  const ReplayOptions& options);

}  // namespace specula
