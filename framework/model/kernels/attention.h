// The two inner loops of attention, as every implementation of them is called, and how the cache is laid out for them.
// Like gemm.h this includes no library: one implementation is compiled for one instruction set.
//
// T is the cache's element, a *step* the neighbours that one multiplication takes: 1 in float32, 2 in bfloat16.
//   keys    [slots / 16][head_dim / step][16][step]: 16 keys side by side, a step of their dimensions after the other
//   values  [slots / step][value_stride][step]
// Licence: Apache-2.0.
#pragma once

#include <stdint.h>

namespace specula {

inline constexpr int64_t kKeyTile = 16;  // slots in a tile of keys
inline constexpr int kMostQueries = 6;   // queries at once: with four vectors each they fill the registers

// Memory that is read next, to be fetched while there is arithmetic to do.  The memory must not stand idle: with few
// rows its speed is the limit.
struct Ahead {
  const char* at = nullptr;
  const char* end = nullptr;
};
inline constexpr int64_t kMostAhead =
    256 * 1024;  // bytes; what does not fit into a second cache would be fetched twice

struct ScoreArgs {
  const void* keys;
  int64_t head_dim, tiles;
  const void* queries[kMostQueries];  // T [head_dim]
  float* scores[kMostQueries];        // [tiles * 16], written
};

struct ValueArgs {
  const void* values;
  int64_t value_stride;  // a multiple of 16
  int64_t steps;
  const void* weights[kMostQueries];  // T [steps * step]
  float* sums[kMostQueries];          // [value_stride], added to
  Ahead ahead;
};

// Every score and every sum is one accumulator, in order of dimensions or of steps: what a query gets does not depend
// on the other queries.
struct AttentionBlocks {
  void (*score)(const ScoreArgs& args, int queries) = nullptr;
  void (*add_values)(const ValueArgs& args, int queries) = nullptr;
};

// The x86 version for bfloat16; null functions where it was not compiled.  The caller asks the CPU.
AttentionBlocks avx512_bfloat16_attention();

}  // namespace specula
