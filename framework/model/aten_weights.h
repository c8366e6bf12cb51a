// The weights of a Llama model as tensors on a device: matrices in the model's dtype, norms in float32, the matrices
// that share an input stacked.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/core/tensor.h"
#include "framework/model/checkpoint.h"

namespace specula {

struct AtenMatrix {
  Tensor weight;  // [out,in]
  Tensor bias;    // [out]; undefined where there is none
  int64_t bytes() const;
};

struct AtenLayer {
  Tensor input_norm, attention_norm;  // [hidden] float32
  AtenMatrix qkv, output, gate_up, down;
};

struct AtenWeights {
  // Throws Error if the device has no room for them.
  AtenWeights(const Checkpoint& checkpoint, at::ScalarType dtype, at::Device device);
  int64_t bytes_per_pass() const;  // over one row

  LlamaConfig config;
  at::ScalarType dtype;
  at::Device device;
  std::vector<AtenLayer> layers;
  Tensor final_norm;  // [hidden] float32
  Tensor frequency;   // [head_dim / 2] float32, radians per position
  Tensor embedding;   // [V,hidden]
  AtenMatrix head;    // [V,hidden]; of a tied model the embedding itself
};

}  // namespace specula
