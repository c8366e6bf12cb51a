#include "framework/model/kernels/kernels.h"

#include "framework/model/kernels/isa.h"

namespace specula {
namespace {

RowFormat rows_of(Dtype format) {
  switch (format) {
    case Dtype::kFloat32:
    case Dtype::kInt8Weights:
      return RowFormat::kFloat32;
    case Dtype::kBfloat16:
      return RowFormat::kBfloat16;
    case Dtype::kInt8:
    case Dtype::kInt4:
      return RowFormat::kQuantized;
  }
  return RowFormat::kFloat32;
}

int k_step_of(Dtype format) {
  if (format == Dtype::kBfloat16) return 2;
  return rows_of(format) == RowFormat::kQuantized ? static_cast<int>(kGroup) : 1;
}

struct Special {
  GemmFunction gemm = nullptr;
  const char* target = "";
};

Special special_gemm(Dtype format) {
  if (format == Dtype::kBfloat16 && has_isa(Isa::kAvx512Bf16)) return {avx512_bfloat16_gemm(), "AVX512-BF16"};
  if (format == Dtype::kInt8 && has_isa(Isa::kAvx512Vnni)) return {avx512_vnni_int8_gemm(), "AVX512-VNNI"};
  if (format == Dtype::kInt4 && has_isa(Isa::kAvx512Vnni)) return {avx512_vnni_int4_gemm(), "AVX512-VNNI"};
  return {};
}

}  // namespace

int64_t panel_bytes(const LinearKernel& kernel, int64_t k) {
  switch (kernel.format) {
    case Dtype::kFloat32:
      return kernel.panel * k * 4;
    case Dtype::kBfloat16:
      return kernel.panel * k * 2;
    case Dtype::kInt8:
    case Dtype::kInt8Weights:
      return kernel.panel * k;
    case Dtype::kInt4:
      return kernel.panel * (k / kGroup) * kInt4GroupBytes;
  }
  return 0;
}

int64_t row_bytes(RowFormat format, int64_t n) {
  constexpr int64_t kLine = 64;
  if (format == RowFormat::kFloat32) return padded(n * 4, kLine);
  if (format == RowFormat::kBfloat16) return padded(n * 2, kLine);
  const int64_t k = padded(n, kGroup);
  return padded(k + static_cast<int64_t>(sizeof(RowScale)) + k / kGroup * 4, kLine);
}

LinearKernel portable_linear_kernel(Dtype format) {
  LinearKernel kernel;
  kernel.format = format;
  kernel.rows = rows_of(format);
  kernel.k_step = k_step_of(format);
  if (kernel.rows == RowFormat::kQuantized) {
    fill_integer_kernel(kernel);
  } else {
    fill_linear_kernel(kernel);
  }
  return kernel;
}

int64_t attention_scratch(int64_t head_dim, int64_t value_stride, int64_t most_tail) {
  return (kMostQueries * (padded(head_dim, 16) + value_stride) + (most_tail + 2) * value_stride) * 4;
}

std::vector<LinearKernel> linear_kernels(Dtype format) {
  choose_isa();
  std::vector<LinearKernel> all = {portable_linear_kernel(format)};
  const Special special = special_gemm(format);
  if (special.gemm != nullptr && all.front().panel == 32) {
    LinearKernel kernel = all.front();
    kernel.gemm = special.gemm;
    kernel.target = special.target;
    all.insert(all.begin(), kernel);
  }
  return all;
}

Kernels portable_kernels(Dtype dtype) {
  Kernels kernels;
  kernels.dtype = dtype;
  kernels.layer = portable_linear_kernel(dtype);
  kernels.head = portable_linear_kernel(dtype == Dtype::kInt4 ? Dtype::kInt8 : dtype);
  kernels.router = portable_linear_kernel(Dtype::kFloat32);
  kernels.plain_bytes = kernels.layer.rows == RowFormat::kBfloat16 ? 2 : 4;
  kernels.cache_bytes = dtype == Dtype::kFloat32 ? 4 : 2;
  fill_row_kernels(kernels);
  fill_activation_kernels(kernels);
  fill_attention_kernels(kernels);
  return kernels;
}

Kernels make_kernels(Dtype dtype) {
  choose_isa();
  Kernels kernels = portable_kernels(dtype);
  kernels.layer = linear_kernels(kernels.layer.format).front();
  kernels.head = linear_kernels(kernels.head.format).front();
  const AttentionBlocks special = avx512_bfloat16_attention();
  if (kernels.cache_bytes == 2 && special.score != nullptr && has_isa(Isa::kAvx512Bf16)) {
    kernels.blocks = special;
    kernels.attention = "AVX512-BF16";
  }
  return kernels;
}

}  // namespace specula
