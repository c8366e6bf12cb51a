// Losses over a vocabulary without the logits of a whole batch: the rows are taken a few at a time, and the gradient of
// each part goes back to its states before the next part's logits are made.  Licence: Apache-2.0.
#pragma once

#include <functional>

#include "framework/core/tensor.h"

namespace specula {

// Rows whose logits over `vocab` fit a bound of memory, at least one.
int64_t rows_of_chunk(int64_t vocab);

// Called with `rows` [n,H], which are the states from row `first` on; returns the part's share of a sum, a scalar.
using RowLoss = std::function<Tensor(const Tensor& rows, int64_t first)>;

// Of all rows of `states` [N,H].  Where gradients are on, they are added to whatever the states and the losses depend
// on.
double sum_in_chunks(const Tensor& states, int64_t chunk, const RowLoss& loss);

}  // namespace specula
