// Judging the texts of a run: which scorer reads which prompts, and the scores of its records.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/scores/scorer.h"
#include "framework/text/prompts.h"

namespace specula {

struct ScoredPrompt {
  const Scorer* scorer = nullptr;
  std::vector<std::vector<std::string>> references;  // of each turn, answers of which any is right
};
using ScoringPlan = std::map<std::string, ScoredPrompt>;  // by id

// The scorers of [quality]: "NAME" for prompts with a reference, "CATEGORY=NAME" for all of a category, which goes
// before; what the file says of a prompt goes before both.  Throws ConfigError for a scorer or a category that is none,
// and, with the prompt and its place in `file`, for one that lacks a reference or has one that its scorer cannot use.
ScoringPlan plan_scoring(const std::vector<Prompt>& prompts, const std::string& file,
                         const std::vector<std::string>& scorers);
bool runs_code(const ScoringPlan& plan);

// Judges the successful records of a run's unfenced pass and writes scores.jsonl, if there is something to judge or
// the run has scores already.  What would execute code stays unjudged where `may_run_code` is false, unless the folder
// has its score already.  Returns how many records have one.  Throws Error where prompts or tokenizer are not those of
// the run.
int64_t score_run(const std::filesystem::path& run_folder, const std::vector<std::string>& scorers, bool may_run_code);

}  // namespace specula
