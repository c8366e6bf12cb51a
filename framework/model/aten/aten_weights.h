// The weights of a Llama model as LibTorch has them on a device: matrices in the model's dtype, norms in float32, the
// matrices that share an input stacked.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/core/tensor.h"
#include "framework/model/aten/library_linear.h"
#include "framework/model/checkpoint/checkpoint.h"

namespace specula {

struct AtenLayer {
  Tensor input_norm, attention_norm;  // [hidden] float32
  LibraryLinear qkv, output, gate_up, down;
};

struct AtenWeights {
  // Throws Error if the device has no room for them.
  AtenWeights(const Checkpoint& checkpoint, at::ScalarType dtype, at::Device device);
  int64_t bytes_per_pass() const;  // over one row

  LlamaConfig config;
  at::ScalarType dtype;
  at::Device device;
  std::vector<AtenLayer> layers;
  Tensor final_norm;     // [hidden] float32
  Tensor frequency;      // [head_dim / 2] float32, radians per position
  Tensor embedding;      // [V,hidden]
  LibraryLinear head;    // of a tied model the embedding itself, or a packed copy of it
  std::string products;  // where not all are ATen's: "oneDNN", "oneDNN for 3 of 5 shapes"
};

}  // namespace specula
