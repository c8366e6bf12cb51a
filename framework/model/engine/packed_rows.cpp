#include "framework/model/engine/packed_rows.h"

#include <ATen/ops/empty.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "framework/core/error.h"
#include "framework/model/checkpoint/float16.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kApart = 128;  // bytes behind a row: distances of a power of two would fall into the same cache sets

}  // namespace

PackedRows::PackedRows(std::span<const float> x, int64_t rows, const LinearKernel& kernel) : rows_(rows) {
  SPECULA_CHECK(rows > 0 && x.size() % static_cast<size_t>(rows) == 0, x.size(), " values in ", rows, " rows");
  const auto n = static_cast<int64_t>(x.size()) / rows;
  stride_ = row_bytes(kernel.rows, padded(n, kGroup)) + kApart;
  data_ = AlignedBuffer(static_cast<size_t>(rows * stride_));
  data_.clear();
  Kernels quantizer;
  if (kernel.rows == RowFormat::kQuantized) quantizer = make_kernels(Dtype::kInt8);
  std::vector<float> row(static_cast<size_t>(padded(n, kGroup)));
  for (int64_t m = 0; m < rows; ++m) {
    std::copy_n(x.data() + m * n, n, row.data());
    char* const to = data_.data() + m * stride_;
    switch (kernel.rows) {
      case RowFormat::kFloat32:
        std::memcpy(to, row.data(), static_cast<size_t>(n) * sizeof(float));
        break;
      case RowFormat::kBfloat16:
        for (int64_t i = 0; i < n; ++i) reinterpret_cast<uint16_t*>(to)[i] = to_bfloat16(row[static_cast<size_t>(i)]);
        break;
      case RowFormat::kQuantized:
        quantizer.quantize(row.data(), n, to);
        break;
    }
  }
}

void PackedRows::fill(GemmArgs& args) const {
  args.x = data_.data();
  args.x_stride = stride_;
  args.rows = rows_;
}

Tensor multiply(const PackedMatrix& matrix, const Tensor& x) {
  const int64_t rows = x.size(0);
  const Tensor y = at::empty({rows, matrix.outputs()}, at::kFloat);
  if (rows == 0) return y;
  const Tensor from = x.contiguous();
  const PackedRows packed({from.const_data_ptr<float>(), static_cast<size_t>(from.numel())}, rows, matrix.kernel());
  GemmArgs args = matrix.args();
  packed.fill(args);
  args.y = y.mutable_data_ptr<float>();
  args.y_stride = matrix.outputs();
  multiply(matrix.kernel(), args);
  return y;
}

void multiply(const LinearKernel& kernel, const GemmArgs& args) {
  const int64_t panels = (args.outputs + kernel.panel - 1) / kernel.panel;
#pragma omp parallel num_threads(threads())
  {
    const int64_t thread = omp_get_thread_num(), count = omp_get_num_threads();
    kernel.gemm(args, panels * thread / count, panels * (thread + 1) / count);
  }
}

}  // namespace specula
