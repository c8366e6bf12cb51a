// The feed-forward block of a layer.  A thread computes gate and up of the same outputs, so it needs nobody else for
// the activation.
//
// Of experts only those are read that some row of the pass uses, each once, and rows of one expert are multiplied
// together: one row reads `top` of them, further rows cost what their experts are new.  A row's results are added in
// the order of the experts' numbers, then that of the shared block, so they do not depend on the other rows; the
// weight of an expert is multiplied into what its last product reads.  Licence: Apache-2.0.
#pragma once

#include "framework/model/engine/pass_frame.h"
#include "framework/model/engine/routing.h"

namespace specula {

class FeedForward {
 public:
  explicit FeedForward(PassFrame& frame);

  // A dense block in two steps, a barrier between them.
  void open(const FeedForwardWeights& weights, const Input& x, const Worker& worker) const {
    open(weights, x, nullptr, worker);
  }
  void close(const FeedForwardWeights& weights, const Worker& worker) const {
    close(weights, frame_.target().add, worker);
  }
  // All of a sparse block.
  void run_experts(const LayerWeights& layer, const Worker& worker);

 private:
  using Groups = std::vector<Routing::Group>;
  struct Buffers {  // between the two products
    FloatRows up;
    PlainRows activated;
    Buffers from(int64_t row, int64_t element) const;
  };
  struct Rows {
    int64_t count;
    const float* weights;  // [count] or null
  };
  Buffers buffers(AlignedBuffer& up, AlignedBuffer& activated, int64_t intermediate) const;
  Buffers dense(const FeedForwardWeights& weights) const;
  Buffers sparse() const;
  void open(const FeedForwardWeights& weights, const Input& x, const float* row_weights, const Worker& worker) const;
  void close(const FeedForwardWeights& weights, bool add, const Worker& worker) const;
  void multiply_up(const FeedForwardWeights& weights, const Input& x, const Rows& rows, const Buffers& to,
                   const Share& panels) const;
  const Routing& route(const LayerWeights& layer, const Worker& worker);
  void open_experts(const LayerWeights& layer, const Routing& routing, const Input& x, const Worker& worker) const;
  void close_experts(const LayerWeights& layer, const Routing& routing, const Worker& worker) const;
  int64_t panels_of(const PackedMatrix& up) const { return up.panels() / (config_.gated ? 2 : 1); }
  int64_t pairs() const { return frame_.num_rows() * config_.experts.top; }

  PassFrame& frame_;
  const DecoderConfig& config_;
  ActivateFunction activate_;
  std::vector<Routing> routings_;  // of each thread, all equal
};

}  // namespace specula
