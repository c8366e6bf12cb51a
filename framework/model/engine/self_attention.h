// The attention block of a layer: queries, keys and values, which every thread computes a share of; then jobs of
// neighbouring rows and a key head each.  Licence: Apache-2.0.
#pragma once

#include "framework/model/engine/pass_frame.h"

namespace specula {

class SelfAttention {
 public:
  SelfAttention(PassFrame& frame, const KvView& view);

  // Three steps, a barrier between them.
  void project(const LayerWeights& layer, const Input& x, const Worker& worker);
  void attend(size_t layer, const Worker& worker);
  void add_output(const LayerWeights& layer, const Worker& worker);

  // Keys and values alone, of rows that ask nothing.  Two steps, a barrier between them.
  void project_keys(const LayerWeights& layer, const Input& x, const Worker& worker);
  void store_keys(size_t layer, const Worker& worker);

 private:
  FloatRows qkv() const;
  int64_t attended_stride() const { return stride_of(config_.heads * config_.head_dim); }
  int64_t group() const { return config_.heads / config_.kv_heads; }
  void turn_rows();
  Rotation rotation(LayerRope rope, int64_t row) const;
  void normalise_rows(const LayerWeights& layer, const Worker& worker);
  void store(size_t layer, const AttentionPlan::Block& block, int64_t kv_head);
  void store_key(size_t layer, int64_t row, int64_t kv_head);
  void attend_block(size_t layer, size_t index, int64_t kv_head, int thread);
  Ahead keys_ahead(size_t layer, size_t index, int64_t kv_head) const;

  PassFrame& frame_;
  const DecoderConfig& config_;
  const Kernels& kernels_;
  AttentionPlan plan_;
  int64_t scores_stride_ = 0, scratch_size_ = 0;
  std::vector<const float*> rotations_[2];  // [rows] of kMain, of kLocal
  std::vector<float> rotation_scratch_[2];
};

}  // namespace specula
