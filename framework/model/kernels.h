// The inner loops of the fast forward, as a table of functions: raw pointers in, no allocation, no threads, no error.
// One table per dtype of weights and cache, for the best instruction set of this machine.  Portable code is written
// with Google Highway and compiled once per target; the bf16 matrix product has a second version for AVX512-BF16.
//
// Every kernel is invariant: what it computes for a row does not depend on how many rows it is given, on the other
// rows, or on where in the cache a key lies, down to the last bit.  Greedy speculative text equals plain greedy text
// because of this. This header includes no library: it is seen by files that are compiled for one instruction set.
// Licence: Apache-2.0.
#pragma once

#include <stdint.h>

namespace specula {

inline constexpr int64_t kKeyTile = 16;          // keys are cached transposed, in tiles of this many slots
inline constexpr int64_t kPrefetchAhead = 4096;  // bytes: a page.  1024 costs five rows 15-20 % more; measured on Zen 5
inline constexpr int kMostQueries = 4;  // queries that attend works on at once: its scratch holds this many score rows

// y[m] (+)= x[m] W^T + bias for panels [first, last) of `panel` outputs each.  Element type T is float or bfloat16
// bits.
struct GemmArgs {
  const void* weights;  // T, float32: [panels][k][panel]; bfloat16: [panels][k/2][panel][2]
  int64_t outputs, k;   // outputs that exist; k is padded: even for bfloat16
  const void* x;        // T [rows][x_stride]
  int64_t x_stride, rows;
  float* y;  // [*][y_stride]
  int64_t y_stride;
  const int64_t* y_row;  // [rows] row of y that row m goes to; null: m
  const float* bias;     // [panels * panel] or null
  bool add;              // to what y holds
};

// The keys and values of one head of one sequence in one layer.
struct KvHead {
  void* keys;                      // T [capacity / kKeyTile][head_dim][kKeyTile]
  void* values;                    // T [capacity][value_stride]
  int64_t head_dim, value_stride;  // the stride is a multiple of 16
};

// The keys that a row sees, in the order of their positions: slots [0, straight), then the slots of `branch`.
struct RowPath {
  int64_t straight;
  const int32_t* branch;
  int64_t branch_size;
};

// Attention of query heads that share one key head.  Query (r, g) starts at query + r * query_stride + g * head_dim.
struct AttendArgs {
  KvHead head;
  const float* query;  // rotated and scaled
  int64_t query_stride;
  const RowPath* paths;  // [rows]
  int64_t rows, group;
  void* out;  // T, row r at out + r * out_stride, head g behind it at g * head_dim
  int64_t out_stride;
  float* scores;          // scratch [kMostQueries][scores_stride]
  int64_t scores_stride;  // at least the highest slot seen, rounded up to 4 tiles
  float* sums;            // scratch [kMostQueries][value_stride]
};

struct Kernels {
  const char* target = "";
  int panel = 0;          // outputs per panel
  int element_bytes = 0;  // of T
  void (*gemm)(const GemmArgs& args, int64_t first, int64_t last) = nullptr;
  // x float [n padded to 16], weight likewise with zeros in the padding; out T.
  void (*rms_norm)(const float* x, const float* weight, int64_t n, float epsilon, void* out) = nullptr;
  // gate_up [rows][stride] holds panels of gate and up in turn; writes activations of pairs [first, last) to out, T
  // [rows][out_stride].
  void (*swiglu)(const float* gate_up, int64_t stride, int64_t rows, int64_t first, int64_t last, void* out,
                 int64_t out_stride) = nullptr;
  // Rotates `heads` heads in place and multiplies them by `scale`; rotation is [head_dim / 2] cosines, then as many
  // sines.
  void (*rotate)(float* query, int64_t heads, int64_t head_dim, const float* rotation, float scale) = nullptr;
  // Rotates a key and stores it with its value in `slot`.
  void (*store)(const float* key, const float* value, const float* rotation, const KvHead& head,
                int64_t slot) = nullptr;
  void (*attend)(const AttendArgs& args) = nullptr;
};

// Highway's targets, each by its own file.
void fill_linear_kernels(bool bfloat16, Kernels& kernels);
void fill_row_kernels(bool bfloat16, Kernels& kernels);
void fill_attention_kernels(bool bfloat16, Kernels& kernels);

// The x86 version of the bf16 product, for panels of 32 outputs; null where it was not compiled.  The caller asks the
// CPU.
using GemmFunction = void (*)(const GemmArgs& args, int64_t first, int64_t last);
GemmFunction avx512_bfloat16_gemm();

// The table for this machine.
Kernels make_kernels(bool bfloat16);

}  // namespace specula
