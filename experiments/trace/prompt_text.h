// The text of a prompt of a finished run, which keeps only its hash.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/run/manifest.h"

namespace specula {

struct PromptText {
  std::string text;     // of the turn, as the prompt set has it
  int turns = 1;        // of the prompt
  std::string missing;  // why there is no text; ""
};

// Of the prompt set that the manifest names, if it still holds what the run read (inputs.jsonl).  Never throws for what
// is missing.
PromptText prompt_text(const std::filesystem::path& run_folder, const RunInfo& run, const std::string& prompt,
                       int turn);

}  // namespace specula
