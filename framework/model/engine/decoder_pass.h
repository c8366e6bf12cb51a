// One pass of the fast forward over a chunk of rows: every thread of one parallel region walks through the layers and
// takes its share of each matrix's panels.  How the work is shared out changes no result: each output is computed by
// one thread, in one order. Licence: Apache-2.0.
#pragma once

#include <span>

#include "framework/model/engine/attention_plan.h"
#include "framework/model/engine/decoder_weights.h"

namespace specula {

struct PassOutputs {
  float* logits;  // [*, outputs of the head]
  const PackedMatrix* head;
  float* hidden;  // [*, sites, hidden size]
  std::span<const int> sites;
};

struct PassRoute {
  const Ask& ask;  // which blocks run, and what rows see
  const float*
      hidden;  // [*, hidden size] the states that Ask::first_layer gets, or that a head's rows carry; else null
};

// Bounds the scratch memory of a prefill; chunks give the same bits as one large pass.
inline constexpr int64_t kMostPassRows = 256;

// `rows` has at most kMostPassRows; rows of one sequence are neighbours and their slots exist in the cache.
void run_pass(const DecoderWeights& weights, DecoderCache& cache, std::span<const PassRow> rows, const PassRoute& route,
              const PassOutputs& outputs);

}  // namespace specula
