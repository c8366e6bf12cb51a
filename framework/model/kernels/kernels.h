// The inner loops of the fast forward, as a table of functions: raw pointers in, no allocation, no threads, no error.
// One table per dtype, for the best instruction set of this machine.  Portable code is written with Google Highway and
// compiled once per target; products have x86 versions where Highway lacks the instruction.
//
// Every kernel is invariant: what it computes for a row does not depend on how many rows it is given, on the other
// rows, or on where in the cache a key lies, down to the last bit.  Greedy speculative text equals plain greedy text
// because of this.  Licence: Apache-2.0.
#pragma once

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

// Row kernels write plain rows: bfloat16 where products read bfloat16, else float32 (which `quantize` may follow).
struct Kernels {
  Dtype dtype = Dtype::kFloat32;
  const char *target = "", *attention = "";  // what rows and attention are compiled for
  int plain_bytes = 0;                       // of an element of a plain row
  int cache_bytes = 0;                       // of an element of the cache
  LinearKernel layer, head;                  // products of the layers; of the head
  // x float [n padded to 16], weight likewise with zeros in the padding; out plain.
  void (*rms_norm)(const float* x, const float* weight, int64_t n, float epsilon, void* out) = nullptr;
  // The same with float32 out, whatever plain rows are: for hidden states that were asked for.
  void (*float_norm)(const float* x, const float* weight, int64_t n, float epsilon, void* out) = nullptr;
  // gate_up [rows][stride] holds panels of gate and up in turn; writes activations of pairs [first, last) to out, plain
  // [rows][out_stride].
  void (*swiglu)(const float* gate_up, int64_t stride, int64_t rows, int64_t first, int64_t last, void* out,
                 int64_t out_stride) = nullptr;
  // Rotates `heads` heads in place and multiplies them by `scale`; rotation is [head_dim / 2] cosines, then as many
  // sines.
  void (*rotate)(float* query, int64_t heads, int64_t head_dim, const float* rotation, float scale) = nullptr;
  // Rotates a key and stores it with its value in `slot`.
  void (*store)(const float* key, const float* value, const float* rotation, const KvHead& head,
                int64_t slot) = nullptr;
  AttentionBlocks blocks;
  void (*attend)(const AttendArgs& args) = nullptr;
  // x float [n padded to kGroup, zeros behind n]; out a quantized row.
  void (*quantize)(const float* x, int64_t n, void* out) = nullptr;
};

// Highway's targets, each by its own file.
void fill_linear_kernel(LinearKernel& kernel);   // for float32, bfloat16 and int8 weights
void fill_integer_kernel(LinearKernel& kernel);  // for int8 and int4
void fill_row_kernels(Kernels& kernels);
void fill_attention_kernels(Kernels& kernels);

// The portable implementation of a format on the Highway target in use.
LinearKernel portable_linear_kernel(Dtype format);
Kernels portable_kernels(Dtype dtype);
// The one for this machine: x86 versions where the CPU has them.
Kernels make_kernels(Dtype dtype);
// Every implementation of a format that runs here, the chosen one first.
std::vector<LinearKernel> linear_kernels(Dtype format);

}  // namespace specula
