// What is put around the ids of a text: the post-processors of tokenizer.json.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/core/token.h"
#include "framework/text/tokenizers/section.h"

namespace specula {

struct Frame {
  std::vector<Token> before, after;
};

// Throws Error for an unknown type, wrong options, and templates that do not hold the text once.
Frame read_frame(const Section& section);

}  // namespace specula
