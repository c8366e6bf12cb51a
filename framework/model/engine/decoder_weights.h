// What a loaded decoder holds: packed matrices, norms, tables of embeddings and positions, rotations.  Const after
// loading.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/aligned_buffer.h"
#include "framework/model/architecture/decoder_config.h"
#include "framework/model/checkpoint/checkpoint.h"
#include "framework/model/engine/packed_matrix.h"
#include "framework/model/kernels/kernels.h"

namespace specula {

// Where there is none, its weight is empty: rows are only converted.
struct Norm {
  std::vector<float> weight, bias;  // [n padded to 16], zeros behind
  RowNorm row{};                    // kind and epsilon
  RowNorm of_rows() const;
  int64_t bytes() const { return static_cast<int64_t>((weight.size() + bias.size()) * sizeof(float)); }
};

// Rows of float32 or bfloat16, of which a pass reads one now and then.
class RowTable {
 public:
  RowTable() = default;
  RowTable(const Checkpoint& checkpoint, const std::string& tensor, int element_bytes);
  bool is_empty() const { return row_size_ == 0; }
  int64_t row_bytes() const { return row_size_ * element_bytes_; }
  void read(int64_t row, float* out) const;
  void add(int64_t row, float* to) const;

 private:
  float value(int64_t at) const;
  AlignedBuffer data_;
  int64_t row_size_ = 0;
  int element_bytes_ = 4;
};

struct FeedForwardWeights {
  PackedMatrix up, down;  // up: panels of gate and up in turn where there is a gate; whole panels always
  int64_t bytes() const { return up.bytes() + down.bytes(); }
};

struct LayerWeights {
  Norm attention_norm, attention_post_norm, q_norm, k_norm, mlp_norm, mlp_post_norm;
  PackedMatrix qkv, output;
  FeedForwardWeights mlp;                   // of a dense layer, or the block that all rows of a sparse one use
  PackedMatrix router;                      // float32 [experts, and behind them the gate of the shared block]
  std::vector<FeedForwardWeights> experts;  // empty: the layer is dense
  size_t window = 0;                        // which of DecoderWeights::windows()
  LayerRope rope = LayerRope::kMain;
  float scale = 0;  // of the scores
};

class DecoderWeights {
 public:
  // `target`: whose embedding and head a head takes that lacks them; it must outlive this.
  DecoderWeights(const Checkpoint& checkpoint, const Kernels& kernels, const DecoderWeights* target = nullptr);

  const DecoderConfig& config() const { return config_; }
  const Kernels& kernels() const { return kernels_; }
  const std::vector<LayerWeights>& layers() const { return layers_; }
  const std::vector<int64_t>& windows() const { return windows_; }  // distinct ones, 0: everything is seen
  const Norm& final_norm() const { return final_norm_; }
  const PackedMatrix& head() const { return config_.state.own_output ? head_ : target_->head(); }
  const PackedMatrix& embedding_in() const { return embedding_in_; }    // [H,E] where projected
  const PackedMatrix& embedding_out() const { return embedding_out_; }  // [E,H]
  const RowTable& positions() const { return positions_; }              // empty: none are learned
  const PackedMatrix& state_input() const { return state_input_; }      // [H,2H] of heads, by StateEntry
  const PackedMatrix& state_join() const { return state_join_; }        // [H,joined]
  const std::vector<Norm>& join_norms() const { return join_norms_; }   // of equal parts of what is joined
  const std::vector<float>& mask_state() const { return mask_state_; }  // [joined]: the states of a mask; empty: none
  const Norm& token_norm() const { return token_norm_; }
  const Norm& state_norm() const { return state_norm_; }
  const RotaryTable& rotations(LayerRope rope) const { return rope == LayerRope::kLocal ? local_ : main_; }
  int64_t bytes_per_pass() const;  // over one row: of the experts it reads as many as the row uses

  void embed(int64_t token, float* out) const;  // [E]

 private:
  LayerWeights read_layer(const Checkpoint& checkpoint, int64_t index);
  void read_experts(const Checkpoint& checkpoint, const std::string& prefix, LayerWeights& layer) const;
  FeedForwardWeights read_feed_forward(const Checkpoint& checkpoint, const std::string& prefix) const;
  Norm read_norm(const Checkpoint& checkpoint, const std::string& name) const;

  DecoderConfig config_;
  Kernels kernels_;
  const DecoderWeights* target_;
  std::vector<LayerWeights> layers_;
  std::vector<int64_t> windows_;
  Norm final_norm_;
  PackedMatrix head_, embedding_in_, embedding_out_, state_input_, state_join_;
  std::vector<Norm> join_norms_;
  std::vector<float> mask_state_;
  Norm token_norm_, state_norm_;
  bool embeds_from_head_;  // the head is tied and not quantized: rows are read from its packed form
  RowTable embedding_;     // in the cache's format; else empty
  RowTable positions_;
  RotaryTable main_, local_;
};

}  // namespace specula
