// The bf16 matrix product with AVX512-BF16's dot product of pairs, which Highway 1.0 lacks.  Compiled with its own
// instruction-set flags and used only where the CPU has the instructions; nothing that other files share may be
// included here.
#include "framework/model/kernels/gemm.h"

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#include "framework/model/kernels/avx512.h"

namespace specula {
namespace {

inline __attribute__((always_inline)) __m512bh pairs_at(const void* at) { return (__m512bh)_mm512_loadu_si512(at); }

struct Bfloat16Block {
  static constexpr int kMostRows = 12;
  template <int kRows>
  static void run(const GemmArgs& args, int64_t panel, int64_t row) {
    const uint16_t* weights = static_cast<const uint16_t*>(args.weights) + panel * kPanel * args.k;
    const char* x = static_cast<const char*>(args.x) + row * args.x_stride;
    const int64_t stride = args.x_stride, k = args.k;
    __m512 sum[kRows][2];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
#pragma GCC unroll 2
    for (int64_t i = 0; i < k; i += 2, weights += 2 * kPanel) {
      prefetch_weights(weights);
      const __m512bh w0 = pairs_at(weights), w1 = pairs_at(weights + kPanel);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        int both;
        __builtin_memcpy(&both, x + r * stride + 2 * i, sizeof both);
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
};

}  // namespace

GemmFunction avx512_bfloat16_gemm() { return gemm<Bfloat16Block>; }

}  // namespace specula

#else

namespace specula {
GemmFunction avx512_bfloat16_gemm() { return nullptr; }
}  // namespace specula

#endif
