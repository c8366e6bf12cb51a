// Two toy tokenizers, for drafters whose draft model reads another vocabulary than the target.  Ids are characters: 0
// is 'a', 1 'b', and so on; the other one counts from the far end of the alphabet, lacks its last character and has
// "ab" instead.  No special tokens, and nothing is put before a text.
#pragma once

#include "framework/text/tokenizer.h"

namespace specula::testing {

// Tokens of these texts.
std::unique_ptr<Tokenizer> piece_tokenizer(std::vector<std::string> pieces);
const Tokenizer& toy_tokenizer(int64_t vocab);        // id i is character i
const Tokenizer& other_toy_tokenizer(int64_t vocab);  // id i is character vocab-2-i, the last id is "ab"

}  // namespace specula::testing
