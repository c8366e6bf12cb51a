// A product of a few rows with packed weights, as every implementation of it is called.  No library is included here:
// some implementations are compiled for one instruction set, and an inline function of the standard library compiled
// there could become the copy that a machine without these instructions runs.
//
// Layouts of the weights, panel after panel of `panel` outputs, k running inside.  k is padded to `k_step`:
//   float32       [k][panel] float32
//   bfloat16      [k/2][panel][2]              pairs, as AVX512-BF16 multiplies them
//   int8          [k/4][panel][4]              value + 128 as unsigned, four k at a time, as VNNI multiplies them
//   int8 weights  [k][panel] int8
//   int4          [k/32]: [panel] bfloat16 scales, then [4][panel][4]; byte b of piece s holds value + 8 of k = 8s + b
//                 in its low half and of k = 8s + 4 + b in its high half
// A quantized row (int8, int4): k int8 values, then RowScale, then the sum of each group of 32 values as int32.
// Licence: Apache-2.0.
#pragma once

#include <stdint.h>

namespace specula {

// Bytes ahead of which weights are prefetched: a page.  1024 costs five rows 15-20 % more; measured on Zen 5.
inline constexpr int64_t kPrefetchAhead = 4096;
inline constexpr int64_t kGroup = 32;           // inputs that share an int4 scale
inline constexpr int64_t kInt4GroupBytes = 18;  // of one output: 32 halves of a byte and a bfloat16 scale

struct RowScale {
  float scale;    // of one step; NaN where the row held NaN or infinity, so that no such value is lost
  int32_t total;  // sum of the row's values
};

struct GemmArgs {
  const void* weights;
  int64_t outputs, k;  // outputs that exist; k padded
  const float* scale;  // int8, int8 weights: [panels * panel], of each output; else null
  const void* x;       // row m at x + m * x_stride
  int64_t x_stride;    // bytes
  int64_t rows;
  float* y;  // [*][y_stride]
  int64_t y_stride;
  const int64_t* y_row;  // [rows] row of y that row m goes to; null: m
  const float* bias;     // [panels * panel] or null
  bool add;              // to what y holds
};

// y[m] (+)= x[m] W^T + bias for panels [first, last).  Every output is one accumulator over k in order: what a row
// gives does not depend on the other rows.
using GemmFunction = void (*)(const GemmArgs& args, int64_t first, int64_t last);

// The x86 versions, for panels of 32 outputs; null where they were not compiled.  The caller asks the CPU.
GemmFunction avx512_bfloat16_gemm();
GemmFunction avx512_vnni_int8_gemm();
GemmFunction avx512_vnni_int4_gemm();

}  // namespace specula
