// How likely the baseline's target takes the texts of a run to be: loaded in float32, temperature 1 and no policy, each
// token given the prompt and the text before it.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>

namespace specula {

// Of the successful records of the unfenced pass, written to nll.jsonl; returns how many there are.  Texts are read one
// at a time, in chunks of rows, and a text that several arms wrote is read once.  Throws Error where ids were left out
// (a public copy), where the target's folder is gone or holds another model, and where prompts, padding or template are
// not those of the run; NumericError for NaN.
int64_t measure_likelihoods(const std::filesystem::path& run_folder);

}  // namespace specula
