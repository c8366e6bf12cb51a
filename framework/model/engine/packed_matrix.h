// A linear layer's weights in the order in which the kernel reads them: panels of outputs, padded with zeros.  Several
// tensors may be fused into one matrix (query, key and value; gate and up).  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "framework/core/token.h"
#include "framework/model/aligned_buffer.h"
#include "framework/model/checkpoint/checkpoint.h"
#include "framework/model/kernels/kernels.h"

namespace specula {

// Where the outputs come from: rows of these tensors.  kStacked: one after the other.  kAlternating: a panel of the
// first, a panel of the second, and so on, each tensor padded to whole panels.  A tensor's bias is read where it has
// one.
enum class Fusion { kStacked, kAlternating };
struct MatrixSource {
  std::vector<std::string> tensors;  // names without ".weight" and ".bias"
  Fusion fusion = Fusion::kStacked;
};

class PackedMatrix {
 public:
  struct OutputSource {
    int tensor = -1;  // of the source; -1: padding
    int64_t row = 0;
  };
  PackedMatrix() = default;
  // Reads the tensors panel by panel with every thread.
  PackedMatrix(const Checkpoint& checkpoint, const MatrixSource& source, const LinearKernel& kernel);
  // Of `weights` [outputs][inputs]: for tests and measurements.
  PackedMatrix(const std::vector<float>& weights, int64_t outputs, const LinearKernel& kernel);

  // Of these outputs, in this order: what it gives for them has the same bits.  Not of int4.
  PackedMatrix select(std::span<const Token> outputs) const;

  int64_t outputs() const { return outputs_; }
  int64_t inputs() const { return inputs_; }
  int64_t panels() const { return panels_; }
  int64_t k() const { return k_; }  // inputs, padded as the kernel wants them
  int64_t bytes() const;
  const LinearKernel& kernel() const { return kernel_; }
  // Everything but x, rows and y.
  GemmArgs args() const;
  // Output row `row` as float32 [inputs], of float32 and bfloat16 weights: the embedding of a token where it is tied to
  // the head.
  void read_row(int64_t row, float* out) const;

 private:
  // The row of an output as float32 [inputs]; false for padding.
  using ReadRow = std::function<bool(int64_t output, float* row)>;
  // Rows of up to `most` outputs as the file holds them; returns how many it read, or minus the number of rows of
  // padding that stand there.
  using ReadBits = std::function<int64_t(int64_t output, int64_t most, uint8_t* rows)>;
  void allocate(int64_t outputs, int64_t inputs);
  void read_biases(const Checkpoint& checkpoint, const MatrixSource& source, const std::vector<OutputSource>& order);
  void pack(const ReadRow& read_row);
  void pack_bits(const ReadBits& read_bits);

  LinearKernel kernel_;
  AlignedBuffer weights_;
  std::vector<float> bias_, scale_;
  int64_t outputs_ = 0, inputs_ = 0, k_ = 0, panels_ = 0;
};

}  // namespace specula
