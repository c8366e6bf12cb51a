// Token ids that are distributed as words are (Zipf's law with exponent 1) and repeat themselves as texts do: what
// drafters that look things up are timed on.  Licence: Apache-2.0.
#pragma once

#include <span>
#include <vector>

#include "framework/core/token.h"

namespace specula {

struct SyntheticText {
  int64_t vocab = 32000;
  // Of the tokens about half are copied, in runs of 8 to 40, from a place of the text so far or, every other time, of
  // `source`.
  std::span<const Token> source{};
};

std::vector<Token> synthetic_text(const SyntheticText& how, int64_t tokens, uint64_t seed);

}  // namespace specula
