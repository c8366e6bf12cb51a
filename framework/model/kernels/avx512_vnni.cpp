// The products of quantized rows with AVX512-VNNI, which multiplies four unsigned bytes with four signed ones and adds
// them to a 32-bit sum.  The integers are exact and the few float operations are those of the portable version in the
// same order, so both give the same bits.  Compiled with its own instruction-set flags, like the bf16 product.
#include "framework/model/kernels/gemm.h"

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#include "framework/model/kernels/avx512.h"

namespace specula {
namespace {

// GCC 12 copies the accumulator around the intrinsic and spills (T5/T1 3.0 instead of 1.35); one instruction does not.
inline __attribute__((always_inline)) void add_products(__m512i& sum, __m512i weights, __m512i x) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(weights), "v"(x));
}

inline __attribute__((always_inline)) __m512i broadcast_four(const char* x) {
  int four;
  __builtin_memcpy(&four, x, sizeof four);
  return _mm512_set1_epi32(four);
}

inline __attribute__((always_inline)) RowScale row_scale(const char* x, int64_t k) {
  RowScale scale;
  __builtin_memcpy(&scale, x + k, sizeof scale);
  return scale;
}

struct Int8Block {
  static constexpr int kMostRows = 12;
  template <int kRows>
  static void run(const GemmArgs& args, int64_t panel, int64_t row) {
    const char* weights = static_cast<const char*>(args.weights) + panel * kPanel * args.k;
    const char* x = static_cast<const char*>(args.x) + row * args.x_stride;
    const int64_t stride = args.x_stride, k = args.k;
    __m512i sum[kRows][2];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = _mm512_setzero_si512();
#pragma GCC unroll 2
    for (int64_t i = 0; i < k; i += 4, weights += 4 * kPanel) {
      prefetch_weights(weights);
      const __m512i w0 = _mm512_loadu_si512(weights), w1 = _mm512_loadu_si512(weights + 64);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const __m512i value = broadcast_four(x + r * stride + i);
        add_products(sum[r][0], w0, value);
        add_products(sum[r][1], w1, value);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows;
         ++r) {  // unrolled like all loops over sums: an index known late would keep them in memory
      const RowScale scale = row_scale(x + r * stride, k);
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        const int64_t column = panel * kPanel + v * 16;
        const __m512i exact = _mm512_sub_epi32(sum[r][v], _mm512_set1_epi32(128 * scale.total));
        const __m512 step = _mm512_mul_ps(_mm512_loadu_ps(args.scale + column), _mm512_set1_ps(scale.scale));
        write(_mm512_mul_ps(_mm512_cvtepi32_ps(exact), step), args, row + r, column);
      }
    }
  }
};

inline __attribute__((always_inline)) __m512 load_steps(const char* from) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

// Sums of a group stand in registers, those of the outputs in the first cache.
struct Int4Block {
  static constexpr int kMostRows = 8;
  template <int kRows>
  static void run(const GemmArgs& args, int64_t panel, int64_t row) {
    const int64_t groups = args.k / kGroup, stride = args.x_stride;
    const char* weights = static_cast<const char*>(args.weights) + panel * kPanel * groups * kInt4GroupBytes;
    const char* x = static_cast<const char*>(args.x) + row * stride;
    const __m512i low = _mm512_set1_epi8(0x0f);
    __m512 result[kRows][2];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) result[r][0] = result[r][1] = _mm512_setzero_ps();
    for (int64_t g = 0; g < groups; ++g, weights += kPanel * kInt4GroupBytes) {
      __m512i sum[kRows][2];
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const char* total = x + r * stride + args.k + int64_t(sizeof(RowScale)) + g * 4;
        sum[r][0] = sum[r][1] = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(broadcast_four(total), 3));
      }
      _mm_prefetch(weights + kPrefetchAhead, _MM_HINT_T0);
#pragma GCC unroll 4
      for (int piece = 0; piece < 4; ++piece) {
        const char* at = weights + 2 * kPanel + piece * 4 * kPanel;
        prefetch_weights(at);
        const __m512i bytes0 = _mm512_loadu_si512(at), bytes1 = _mm512_loadu_si512(at + 64);
        const __m512i first0 = _mm512_and_si512(bytes0, low), first1 = _mm512_and_si512(bytes1, low);
        const __m512i second0 = _mm512_and_si512(_mm512_srli_epi16(bytes0, 4), low),
                      second1 = _mm512_and_si512(_mm512_srli_epi16(bytes1, 4), low);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          const char* from = x + r * stride + g * kGroup + piece * 8;
          const __m512i a = broadcast_four(from), b = broadcast_four(from + 4);
          add_products(sum[r][0], first0, a);
          add_products(sum[r][1], first1, a);
          add_products(sum[r][0], second0, b);
          add_products(sum[r][1], second1, b);
        }
      }
      const __m512 step0 = load_steps(weights), step1 = load_steps(weights + 32);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        result[r][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][0]), step0, result[r][0]);
        result[r][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][1]), step1, result[r][1]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const __m512 scale = _mm512_set1_ps(row_scale(x + r * stride, args.k).scale);
      write(_mm512_mul_ps(result[r][0], scale), args, row + r, panel * kPanel);
      write(_mm512_mul_ps(result[r][1], scale), args, row + r, panel * kPanel + 16);
    }
  }
};

}  // namespace

GemmFunction avx512_vnni_int8_gemm() { return gemm<Int8Block>; }
GemmFunction avx512_vnni_int4_gemm() { return gemm<Int4Block>; }

}  // namespace specula

#else

namespace specula {
GemmFunction avx512_vnni_int8_gemm() { return nullptr; }
GemmFunction avx512_vnni_int4_gemm() { return nullptr; }
}  // namespace specula

#endif
