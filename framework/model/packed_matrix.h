// A linear layer's weights in the order in which the kernel reads them: panels of outputs, padded with zeros.  Several
// tensors may be fused into one matrix (query, key and value; gate and up).  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/model/aligned_buffer.h"
#include "framework/model/checkpoint.h"
#include "framework/model/kernels.h"

namespace specula {

// Where the outputs come from: rows of these tensors.  kStacked: one after the other.  kAlternating: a panel of the
// first, a panel of the second, and so on, each tensor padded to whole panels.
enum class Fusion { kStacked, kAlternating };
struct MatrixSource {
  std::vector<std::string> tensors;  // names without ".weight" and ".bias"
  Fusion fusion = Fusion::kStacked;
  bool bias = false;
};

class PackedMatrix {
 public:
  PackedMatrix() = default;
  // Reads the tensors panel by panel with every thread and releases their pages.
  PackedMatrix(const Checkpoint& checkpoint, const MatrixSource& source, const Kernels& kernels);

  int64_t outputs() const { return outputs_; }
  int64_t panels() const { return panels_; }
  int64_t bytes() const { return static_cast<int64_t>(weights_.size() + bias_.size() * sizeof(float)); }
  // Everything but x, rows and y.
  GemmArgs args() const;
  // Output row `row` as float32 [inputs]: the embedding of a token where it is tied to the head.
  void read_row(int64_t row, float* out) const;

 private:
  AlignedBuffer weights_;
  std::vector<float> bias_;
  int64_t outputs_ = 0, inputs_ = 0, k_ = 0, panels_ = 0;
  int panel_ = 0, element_bytes_ = 0;
};

}  // namespace specula
