// One forward of a chunk of rows with LibTorch's operators.  The host writes down what each row is; everything else
// happens on the device and nothing waits for it.  Licence: Apache-2.0.
#pragma once

#include <span>
#include <vector>

#include "framework/model/aten/aten_cache.h"
#include "framework/model/aten/aten_weights.h"

namespace specula {

// Rows of one sequence that lie in one chunk; they take neighbouring slots.
struct AtenRun {
  int b = 0;
  int64_t slot = 0;                 // of the first row, committed slots counted
  std::vector<int64_t> token;       // of each row
  std::vector<int64_t> out_row;     // of AtenOutputs::hidden and of AtenRoute::hidden
  std::vector<int64_t> logits_row;  // of AtenOutputs::logits; -1: not asked for
};

struct AtenOutputs {
  Tensor logits;  // [lines, outputs of the head] float32 on the device; undefined if none are asked for
  Tensor hidden;  // [B*R,S,hidden] likewise
  std::span<const int> sites;
};

struct AtenRoute {
  const Ask& ask;  // which blocks run, and what rows see.  A view hides slots from the softmax and saves no work
  const LibraryLinear& head;
  Tensor hidden;  // [B*R,hidden] float32 on the device: the states that Ask::first_layer gets; undefined where it is 0
};

// The rows are in the cache's books already; their keys and values are written, and the outputs filled.
void run_aten_pass(const AtenWeights& weights, AtenCache& cache, std::span<const AtenRun> runs, const AtenRoute& route,
                   const AtenOutputs& outputs);

}  // namespace specula
