#include "framework/model/kernels.h"

namespace specula {
namespace {

bool cpu_has_avx512_bfloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

}  // namespace

Kernels make_kernels(bool bfloat16) {
  Kernels kernels;
  fill_linear_kernels(bfloat16, kernels);
  fill_row_kernels(bfloat16, kernels);
  fill_attention_kernels(bfloat16, kernels);
  if (bfloat16 && kernels.panel == 32 && avx512_bfloat16_gemm() != nullptr && cpu_has_avx512_bfloat16()) {
    kernels.gemm = avx512_bfloat16_gemm();
    kernels.target = "AVX3 + AVX512-BF16";
  }
  return kernels;
}

}  // namespace specula
