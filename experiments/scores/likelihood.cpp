#include "experiments/scores/likelihood.h"

#include <map>
#include <utility>

#include "experiments/config/config_reader.h"
#include "experiments/run/run_plan.h"
#include "experiments/runs/resolved_config.h"
#include "experiments/scores/decoded_with.h"
#include "experiments/scores/score_file.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/decode/decode.h"
#include "framework/decode/quality.h"
#include "framework/model/load.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

// What decides which ids a prompt becomes.
ExperimentConfig prompts_config(const fs::path& run_folder) {
  const Value tree = read_resolved_config(run_folder);
  ExperimentConfig config;
  Problems problems;
  if (const Value* const data = tree.find("data")) read_section(*data, "[data]", config.data, problems);
  if (const Value* const measure = tree.find("measure")) read_section(*measure, "[measure]", config.measure, problems);
  throw_if_any(problems, {});
  config.data.file = config.data.prompts;  // in a resolved configuration every path is absolute
  config.data.pad_file = config.data.pad_text;
  return config;
}

using Dialogues = std::map<std::pair<std::string, int>, std::map<int, const Record*>>;  // arm and repetition; turns

std::map<std::string, Dialogues> dialogues_of(const fs::path& run_folder, const RecordSet& set) {
  std::map<std::string, Dialogues> by_prompt;
  for (const Record& r : set.records) {
    if (!r.ok || r.replayed || r.key.trace) continue;
    if (!r.has_ids())
      throw Error(cat(run_folder.string(), ": its records have no token ids (a public copy); the likelihood of its ",
                      "texts can be told from the run's own folder alone"));
    by_prompt[r.key.prompt][{r.key.arm, r.key.rep}][r.key.turn] = &r;
  }
  return by_prompt;
}

void check_target(const RunModel& target) {
  if (!fs::is_directory(target.path))
    throw Error(cat("the folder of model '", target.name, "' is gone: ", target.path));
  if (read_model_info(target.path).fingerprint != target.fingerprint)
    throw Error(cat(target.path, ": its weights are not those that the run decoded with"));
}

class Reader {
 public:
  Reader(const LanguageModel& target, const Tokenizer& tokenizer, const DataConfig& data)
      : target_(target), tokenizer_(tokenizer), data_(data) {}

  void read(const Prompt& prompt, const Dialogues& dialogues, Likelihoods& found) const {
    std::map<std::pair<Prefix, size_t>, double> known;  // arms that keep the target's law often write the same
    for (const auto& [arm_and_repetition, turns] : dialogues) {
      Dialogue dialogue(tokenizer_, prompt, data_);
      for (const auto& [turn, record] : turns) {
        Prefix text = dialogue.next();
        const size_t first = text.size();
        check(*record, first);
        text.insert(text.end(), record->out.begin(), record->out.end());
        dialogue.answer(record->out);
        if (record->out.empty()) continue;
        const auto [place, is_new] = known.try_emplace({text, first});
        if (is_new) place->second = negative_log_likelihood(target_, text, first);
        found[record->key] = {.sum_nats = place->second, .tokens = record->n_out()};
      }
    }
  }

 private:
  void check(const Record& record, size_t given) const {
    const std::string place =
        cat("turn ", record.key.turn, " of prompt ", record.key.prompt, ", arm ", record.key.arm, ": ");
    if (static_cast<int64_t>(given) != record.n_in)
      throw Error(cat(place, "it was given ", record.n_in, " tokens, and the prompt has ", given, " now"));
    for (const Token id : record.out) {  // an arm may have a target of its own, with more rows
      if (id >= target_.vocab())
        throw Error(cat(place, "token ", id, " is none of the ", target_.vocab(), " that the baseline's target knows"));
    }
  }

  const LanguageModel& target_;
  const Tokenizer& tokenizer_;
  const DataConfig& data_;
};

}  // namespace

int64_t measure_likelihoods(const fs::path& run_folder) {
  const RunInfo run = read_manifest(run_folder);
  const RecordSet records = read_records(run_folder);
  const std::map<std::string, Dialogues> by_prompt = dialogues_of(run_folder, records);
  if (by_prompt.empty()) return 0;
  const RunModel& target = target_of(run);
  check_target(target);
  const auto tokenizer = tokenizer_of(run);
  const ExperimentConfig config = prompts_config(run_folder);
  const Plan plan = make_plan(config);
  if (inputs_jsonl(plan, config, *tokenizer) != read_file(run_folder / "inputs.jsonl"))
    throw Error(cat(config.data.file, ": the prompts are not those that the run decoded"));
  log::info(cat("reading the texts of ", by_prompt.size(), " prompts with ", target.path, " in float32"));
  const InferenceScope inference;
  const auto model = load_model(target.path, {.dtype = Dtype::kFloat32});
  Likelihoods found;
  const Reader reader(*model, *tokenizer, config.data);
  for (const Prompt& prompt : plan.prompts) {
    const auto dialogues = by_prompt.find(prompt.id);
    if (dialogues != by_prompt.end()) reader.read(prompt, dialogues->second, found);
  }
  write_likelihoods(run_folder, found);
  return static_cast<int64_t>(found.size());
}

}  // namespace specula
