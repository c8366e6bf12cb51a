// Logits of some tokens as logits of the whole vocabulary.  Licence: Apache-2.0.
#pragma once

#include <span>

#include "framework/core/tensor.h"
#include "framework/core/token.h"

namespace specula {

// narrow [B,R,N] float32, column i of token tokens[i] -> [B,R,V], -infinity for all other tokens.
Tensor spread_logits(const Tensor& narrow, std::span<const Token> tokens, int64_t vocab);

}  // namespace specula
