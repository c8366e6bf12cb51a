// The inner loops of the fast forward, as a table of functions: raw pointers in, no allocation, no threads, no error.
// One table per dtype, for the best instruction set of this machine.  Portable code is written with Google Highway and
// compiled once per target; products have x86 versions where Highway lacks the instruction.
//
// Every kernel is invariant: what it computes for a row does not depend on how many rows it is given, on the other
// rows, or on where in the cache a key lies, down to the last bit.  Greedy speculative text equals plain greedy text
// because of this.  Licence: Apache-2.0.
#pragma once

#include "framework/model/architecture/decoder_config.h"
#include "framework/model/dtype.h"
#include "framework/model/kernels/attention.h"
#include "framework/model/kernels/gemm.h"

namespace specula {

// What a product reads.
enum class RowFormat { kFloat32, kBfloat16, kQuantized };

// One implementation of y = x W^T for one format of weights.
struct LinearKernel {
  Dtype format = Dtype::kFloat32;
  const char* target = "";
  int panel = 0;   // outputs per panel
  int k_step = 1;  // k is padded to a multiple
  RowFormat rows = RowFormat::kFloat32;
  GemmFunction gemm = nullptr;
};

int64_t panel_bytes(const LinearKernel& kernel, int64_t k);  // of one panel's weights
int64_t row_bytes(RowFormat format, int64_t n);              // of a row of n values, padded to a cache line
inline int64_t padded(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// The keys and values of one head of one sequence in one layer, laid out as attention.h says.
struct KvHead {
  void* keys;
  void* values;
  int64_t head_dim, value_stride;
};

// The keys of a row's text in the order of their positions: slots [0, straight), then the slots of `branch`.  Those
// before the first one that is seen are not read, but for what stands in one tile of keys with it: they weigh exactly
// nothing, and the others keep their places in every sum.
struct RowPath {
  int64_t straight;
  const int32_t* branch;
  int64_t branch_size;
  int64_t first = 0;  // seen, counted along the path
};

// Attention of query heads that share one key head.  Query (r, g) starts at query + r * query_stride + g * head_dim.
struct AttendArgs {
  KvHead head;
  const float* query;  // rotated and scaled
  int64_t query_stride;
  float softcap;         // c > 0: scores become c tanh(score / c)
  const RowPath* paths;  // [rows]
  int64_t rows, group;
  void* out;           // plain row format, row r at out + r * out_stride, head g behind it at g * head_dim
  int64_t out_stride;  // elements
  AttentionBlocks blocks;
  float* scores;          // scratch [kMostQueries][scores_stride]
  int64_t scores_stride;  // at least the highest slot seen, rounded up to 4 tiles
  char* scratch;          // attention_scratch(head, most_tail) bytes
  Ahead ahead;            // the keys of the head that comes next
};

// `most_tail`: how many of a row's last keys may lie apart from the others', in a branch or behind another row's last.
int64_t attention_scratch(int64_t head_dim, int64_t value_stride, int64_t most_tail);

// How a row is normalised; without a weight it is only converted.
struct RowNorm {
  NormKind kind = NormKind::kRms;
  const float* weight = nullptr;  // [n padded to 16] or null
  const float* bias = nullptr;    // likewise, of kLayer
  float epsilon = 0;
};

// The first `turning` dimensions of a head turn, the others stay.
struct Rotation {
  const float* at;  // [turning / 2] cosines, then as many sines
  int64_t turning;
};

// act(gate) * up, or act(up), row by row.  `in` holds panels of gate and up in turn, or of up alone; a panel of `out`
// has as many values.
struct ActivateArgs {
  const float* in;  // [rows][in_stride]
  int64_t in_stride, rows;
  int64_t first, last;   // panels of out
  const float* weights;  // [rows] that rows are multiplied by; null: none
  void* out;             // plain [rows][out_stride]
  int64_t out_stride;    // elements
};
using ActivateFunction = void (*)(const ActivateArgs& args);

// Row kernels write plain rows: bfloat16 where products read bfloat16, else float32 (which `quantize` may follow).
struct Kernels {
  Dtype dtype = Dtype::kFloat32;
  const char *target = "", *attention = "";  // what rows and attention are compiled for
  int plain_bytes = 0;                       // of an element of a plain row
  int cache_bytes = 0;                       // of an element of the cache
  LinearKernel layer, head, router;          // products of the layers; of the head; of routers, in float32
  // x float [n], out plain [n]; behind them nothing is read or written.
  void (*norm)(const RowNorm& norm, const float* x, int64_t n, void* out) = nullptr;
  // The same with float32 out, which may be x, whatever plain rows are.
  void (*float_norm)(const RowNorm& norm, const float* x, int64_t n, void* out) = nullptr;
  ActivateFunction (*activation)(Activation activation, bool is_gated) = nullptr;
  // x = cap tanh(x / cap)
  void (*softcap)(float* x, int64_t n, float cap) = nullptr;
  // Rotates `heads` heads in place and multiplies them by `scale`.
  void (*rotate)(float* query, int64_t heads, int64_t head_dim, const Rotation& rotation, float scale) = nullptr;
  // Rotates a key and stores it with its value in `slot`.
  void (*store)(const float* key, const float* value, const Rotation& rotation, const KvHead& head,
                int64_t slot) = nullptr;
  AttentionBlocks blocks;
  void (*attend)(const AttendArgs& args) = nullptr;
  // x float [n]; out a quantized row.
  void (*quantize)(const float* x, int64_t n, void* out) = nullptr;
};

// Highway's targets, each by its own file.
void fill_linear_kernel(LinearKernel& kernel);   // for float32, bfloat16 and int8 weights
void fill_integer_kernel(LinearKernel& kernel);  // for int8 and int4
void fill_row_kernels(Kernels& kernels);
void fill_activation_kernels(Kernels& kernels);
void fill_attention_kernels(Kernels& kernels);

// The portable implementation of a format on the Highway target in use.
LinearKernel portable_linear_kernel(Dtype format);
Kernels portable_kernels(Dtype dtype);
// The one for this machine: x86 versions where the CPU has them.
Kernels make_kernels(Dtype dtype);
// Every implementation of a format that runs here, the chosen one first.
std::vector<LinearKernel> linear_kernels(Dtype format);

}  // namespace specula
