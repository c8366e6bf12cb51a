// Text in front of prompts, so that a study can sweep the context that they are decoded in.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "experiments/config/config.h"
#include "framework/text/prompts.h"
#include "framework/text/tokenizer.h"

namespace specula {

// Gives each prompt real text to stand in front of it: of [data] pad_text, each from another place, else the other
// prompts of the file (`all`), those behind it first.  Throws Error for a file that cannot be read.
void add_padding(const DataConfig& data, const std::vector<Prompt>& all, std::vector<Prompt>& prompts);

// The ids of the first turn with special tokens: as it is where it has `pad_to_tok` of them, else exactly so many, the
// special tokens first, then the end of the text in front, then the turn.  Throws ConfigError where that text is too
// short; it is never repeated, since drafters that look text up would find it again.
Prefix padded_turn(const Tokenizer& tokenizer, const Prompt& prompt, int64_t pad_to_tok);

}  // namespace specula
