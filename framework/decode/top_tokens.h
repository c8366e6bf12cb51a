// The k largest entries of a row of logits without sorting it: blocks whose maximum is too small are skipped.  Licence:
// Apache-2.0.
#pragma once

#include <cstdint>
#include <span>

#include "framework/core/token.h"

namespace specula {

// Writes the top.size() tokens with the largest logits, largest first, of equals the lower id.  -1 where there are not
// so many above minus infinity.  logits [V] without NaN.
void top_tokens(std::span<const float> logits, std::span<Token> top);

}  // namespace specula
