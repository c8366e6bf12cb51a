// The bf16 matrix product with AVX512-BF16's dot product of pairs, which Highway 1.0 lacks.  Compiled with its own
// instruction-set flags: nothing that other files share (no standard library, no inline function of a header) may be
// included here, or the linker could pick this file's copy for a machine that cannot run it.  Used only where the CPU
// has the instructions.
#include "framework/model/kernels.h"

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#include <immintrin.h>

namespace specula {
namespace {

constexpr int kPanel = 32;
constexpr int kMostRows = 12;  // 24 accumulators, two weights and a broadcast fit into 32 registers

inline __attribute__((always_inline)) __m512bh pairs_at(const void* at) { return (__m512bh)_mm512_loadu_si512(at); }

inline __attribute__((always_inline)) void write(__m512 value, const GemmArgs& args, int64_t row, int64_t column) {
  const int64_t left = args.outputs - column;
  if (left <= 0) return;
  const __mmask16 there = left >= 16 ? __mmask16(0xffff) : __mmask16((1u << left) - 1);
  if (args.bias != nullptr) value = _mm512_add_ps(value, _mm512_loadu_ps(args.bias + column));
  float* to = args.y + (args.y_row == nullptr ? row : args.y_row[row]) * args.y_stride + column;
  if (args.add) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(there, to));
  _mm512_mask_storeu_ps(to, there, value);
}

template <int kRows>
void block(const GemmArgs& args, int64_t panel, int64_t row) {
  const uint16_t* weights = static_cast<const uint16_t*>(args.weights) + panel * kPanel * args.k;
  const uint16_t* x = static_cast<const uint16_t*>(args.x) + row * args.x_stride;
  const int64_t stride = args.x_stride, k = args.k;
  __m512 sum[kRows][2];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
#pragma GCC unroll 2
  for (int64_t i = 0; i < k; i += 2, weights += 2 * kPanel) {
    _mm_prefetch(reinterpret_cast<const char*>(weights) + kPrefetchAhead, _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(weights) + kPrefetchAhead + 64, _MM_HINT_T0);
    const __m512bh w0 = pairs_at(weights), w1 = pairs_at(weights + kPanel);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      int both;
      __builtin_memcpy(&both, x + r * stride + i, sizeof both);
      const __m512bh value = (__m512bh)_mm512_set1_epi32(both);
      sum[r][0] = _mm512_dpbf16_ps(sum[r][0], w0, value);
      sum[r][1] = _mm512_dpbf16_ps(sum[r][1], w1, value);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    write(sum[r][0], args, row + r, panel * kPanel);
    write(sum[r][1], args, row + r, panel * kPanel + 16);
  }
}

template <int kRows>
void rows_block(const GemmArgs& args, int64_t panel, int64_t row, int64_t rows) {
  if (rows == kRows) return block<kRows>(args, panel, row);
  if constexpr (kRows > 1) return rows_block<kRows - 1>(args, panel, row, rows);
}

void gemm(const GemmArgs& args, int64_t first, int64_t last) {
  const int64_t blocks = (args.rows + kMostRows - 1) / kMostRows;
  for (int64_t panel = first; panel < last; ++panel) {
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t row = args.rows * b / blocks, end = args.rows * (b + 1) / blocks;
      rows_block<kMostRows>(args, panel, row, end - row);
    }
  }
}

}  // namespace

GemmFunction avx512_bfloat16_gemm() { return gemm; }

}  // namespace specula

#else

namespace specula {
GemmFunction avx512_bfloat16_gemm() { return nullptr; }
}  // namespace specula

#endif
