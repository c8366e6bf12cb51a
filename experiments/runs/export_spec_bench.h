// The answer files of Spec-Bench (Xia et al. 2024, arXiv 2401.07851), so that its own scripts can evaluate a run.
// Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <vector>

namespace specula {

// One <arm>.jsonl in a new folder for each arm: a line for each prompt with question_id, category, model_id and, for
// each repetition, a choice with the texts of its turns, their rounds (decoding_steps), tokens (new_tokens), seconds
// (wall_time) and the tokens of each round (accept_lengths, the extra token counted).  A prompt of which a turn failed
// is left out. Texts come from the tokenizer of the arm's target.  Returns the files.  Throws Error where it cannot be
// read.
std::vector<std::filesystem::path> write_spec_bench(const std::filesystem::path& run_folder,
                                                    const std::filesystem::path& folder);

}  // namespace specula
