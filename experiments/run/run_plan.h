// What a run will do, before any weights load: which prompts, in which order, and under which names of random numbers.
// Licence: Apache-2.0.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "experiments/config/config.h"
#include "experiments/run/records.h"
#include "experiments/run/shard.h"
#include "framework/text/prompts.h"
#include "framework/text/tokenizer.h"

namespace specula {

// The turns of the prompts of one batch, a single one as a rule, by every arm in one repetition: what is written at
// once, so that arms are compared in one segment.
struct Unit {
  bool trace = false;
  std::vector<size_t> prompts;  // indices into Plan::prompts; all have as many turns
  int rep = 0;
  int64_t order = 0;  // place in the plan
};

struct Plan {
  std::vector<Prompt> prompts, warmup;
  std::vector<Unit> units;  // the timing pass, then the fenced one
  int64_t records_per_arm = 0;
  int64_t trace_prompts = 0;
  int64_t unbatched = 0;  // prompts that filled no batch of [measure] batch; they are not in `prompts`

  const Prompt& first(const Unit& unit) const { return prompts[unit.prompts.front()]; }  // names a batch
};

// Throws ConfigError when nothing is left after the filters, or when no batch can be filled.
Plan make_plan(const ExperimentConfig& config);
// Leaves the units of one shard.  Everything else stays that of the whole run, their places in it too.
void keep_shard(Plan& plan, const Shard& shard);

// Names the random numbers of one turn: 63 bits of a hash.  The arm is left out, so that arms share them.
int64_t request_id(const std::string& prompt, int rep, int turn);

// A seeded random permutation of 0..arms-1 for one unit.
std::vector<size_t> arm_order(uint64_t seed, const Unit& unit, const std::string& prompt, size_t arms);

// The ids that an arm is given turn by turn: a chat in the format of [data] chat_template, or plain
// concatenation.
class Dialogue {
 public:
  Dialogue(const Tokenizer& tokenizer, const Prompt& prompt, const DataConfig& data);
  Prefix next();                               // the prompt of the next turn
  void answer(const std::vector<Token>& ids);  // what the arm said to it

 private:
  const Tokenizer& tokenizer_;
  const Prompt& prompt_;
  std::string format_;  // of a chat; kNoFormat: plain text
  int64_t pad_to_tok_;
  size_t turn_ = 0;
  Prefix text_;                       // all so far, without template
  std::vector<std::string> answers_;  // with template
};

// Throws ConfigError naming the first prompt whose turns and answers do not fit into `context`.
void check_context(const Plan& plan, const ExperimentConfig& config, const Tokenizer& tokenizer, int64_t context,
                   const std::string& model);

// inputs.jsonl: id, category, group, hashes of text and ids, number of tokens.
std::string inputs_jsonl(const Plan& plan, const ExperimentConfig& config, const Tokenizer& tokenizer);

}  // namespace specula
