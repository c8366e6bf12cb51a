// What samplers do with rows of logits.  A token is removed by minus infinity.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "framework/core/tensor.h"
#include "framework/core/token.h"

namespace specula {

inline constexpr float kRemoved = -std::numeric_limits<float>::infinity();

// Calls `change` with each row [V] of logits [R,V].
void each_row(Tensor& logits, const std::function<void(float* row, int64_t vocab, size_t j)>& change);

void remove_below(float* row, int64_t vocab, float least);  // what is smaller than `least`

// Removes the tokens whose probability is below `least`, but never the most likely one.  mass [V] is softmax of the
// row.
void remove_rare(float* row, std::span<const float> mass, double least);

// Removes tokens, those beyond the vocabulary left out.  Where none would stay, the row stays as it is: a policy always
// leaves something to draw.  Returns whether they were removed.
bool remove_tokens(float* row, int64_t vocab, std::span<const Token> tokens);

// The least value such that the entries up to it weigh `goal`; the largest where all of them weigh less.  Reorders the
// entries, at least one, and sorts nothing.
struct Weighted {
  float value, weight;
};
float weighted_quantile(std::span<Weighted> entries, double goal);

}  // namespace specula
