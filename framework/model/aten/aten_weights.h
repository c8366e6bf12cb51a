// The weights of a model as LibTorch has them on a device: matrices in the model's dtype, norms and routers in float32,
// the matrices that share an input stacked.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/core/tensor.h"
#include "framework/model/aten/library_linear.h"
#include "framework/model/checkpoint/checkpoint.h"

namespace specula {

struct AtenNorm {
  Tensor weight, bias;  // float32; undefined where there is none
};

struct AtenMlp {
  LibraryLinear in, down;  // `in`: gate, then up; up alone where the model has no gate
};

struct AtenLayer {
  AtenNorm attention_norm{}, attention_post_norm{}, q_norm{}, k_norm{};
  LibraryLinear qkv{}, output{};
  AtenNorm mlp_norm{}, mlp_post_norm{};
  AtenMlp mlp{};    // of a dense layer
  Tensor router{};  // [experts,hidden] float32; undefined in a dense layer
  std::vector<AtenMlp> experts{};
  AtenMlp shared{};
  Tensor shared_gate{};  // [1,hidden] float32
};

struct AtenWeights {
  // Throws Error if the device has no room for them.
  AtenWeights(const Checkpoint& checkpoint, at::ScalarType dtype, at::Device device);
  int64_t bytes_per_pass() const;  // over one row, which uses a few of the experts

  DecoderConfig config;
  at::ScalarType dtype;
  at::Device device;
  std::vector<AtenLayer> layers;
  AtenNorm final_norm;
  RotaryTable main_rope, local_rope;          // on the host
  Tensor embedding;                           // [V,E]
  Tensor positions;                           // [P,H]; undefined where none are learned
  LibraryLinear embedding_in, embedding_out;  // where the embeddings are projected
  LibraryLinear head;                         // of a tied model the embedding itself, or a packed copy of it
  std::string products;                       // where not all are ATen's: "oneDNN", "oneDNN for 3 of 5 shapes"
};

}  // namespace specula
