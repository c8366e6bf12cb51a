// Rows as an own product reads them, and the product by all threads: for heads of a few products, tests and
// measurements.  A pass has its own buffers and its own parallel region (decoder_pass.h).  Licence: Apache-2.0.
#pragma once

#include <span>

#include "framework/core/tensor.h"
#include "framework/model/aligned_buffer.h"
#include "framework/model/engine/packed_matrix.h"

namespace specula {

class PackedRows {
 public:
  PackedRows(std::span<const float> x, int64_t rows, const LinearKernel& kernel);  // x [rows, n]
  int64_t rows() const { return rows_; }
  void fill(GemmArgs& args) const;  // x, its stride and the number of rows

 private:
  AlignedBuffer data_;
  int64_t rows_, stride_;  // bytes
};

Tensor multiply(const PackedMatrix& matrix, const Tensor& x);  // [n,inputs] float32 -> [n,outputs]
// `args` but for panels: each thread takes its share of them in one parallel region.
void multiply(const LinearKernel& kernel, const GemmArgs& args);

}  // namespace specula
