// What a loaded Llama model holds: packed matrices, norms, the embedding and the rotary table.  Const after loading.
// Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/aligned_buffer.h"
#include "framework/model/checkpoint/checkpoint.h"
#include "framework/model/engine/packed_matrix.h"
#include "framework/model/kernels/kernels.h"

namespace specula {

class LlamaWeights {
 public:
  LlamaWeights(const Checkpoint& checkpoint, const Kernels& kernels);

  struct Layer {
    std::vector<float> input_norm, attention_norm;  // [hidden padded to 16], zeros behind
    PackedMatrix qkv, output, gate_up, down;
  };

  const DecoderConfig& config() const { return config_; }
  const Kernels& kernels() const { return kernels_; }
  const std::vector<Layer>& layers() const { return layers_; }
  const std::vector<float>& final_norm() const { return final_norm_; }
  const PackedMatrix& head() const { return head_; }
  int64_t bytes_per_pass() const;  // over one row

  void embed(int64_t token, float* out) const;  // [hidden]
  const RotaryTable& rotations() const { return rotations_; }

 private:
  DecoderConfig config_;
  Kernels kernels_;
  std::vector<Layer> layers_;
  std::vector<float> final_norm_;
  PackedMatrix head_;
  bool embeds_from_head_;    // the head is tied and not quantized: rows are read from its packed form
  AlignedBuffer embedding_;  // [vocab][hidden] float32 or bfloat16, as the cache; else empty
  RotaryTable rotations_;
};

}  // namespace specula
