// The fast forward of the Llama family: packed weights, own kernels, float32 or bfloat16.  In bfloat16 the weights, the
// inputs of matrix products and the cache are bfloat16; the residual stream, attention's sums and the logits stay
// float32. Licence: Apache-2.0.
#pragma once

#include "framework/model/engine/llama_weights.h"
#include "framework/model/load.h"

namespace specula {

class LlamaModel final : public LoadedModel {
 public:
  LlamaModel(const Checkpoint& checkpoint, const Kernels& kernels);

  int64_t vocab() const override { return weights_.config().vocab; }
  int64_t context() const override { return weights_.config().context; }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override;
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;
  std::unique_ptr<PartialHead> partial_head(const std::vector<Token>& tokens) const override;

  const ModelInfo& info() const override { return info_; }
  Dtype dtype() const override { return weights_.kernels().dtype; }
  std::string engine() const override;
  bool is_invariant_by_construction() const override { return true; }
  int64_t weight_bytes() const override { return weights_.bytes_per_pass(); }
  int64_t kv_bytes_per_slot() const override;

 private:
  const PackedMatrix& head_of(const Ask& ask) const;

  ModelInfo info_;
  LlamaWeights weights_;
};

}  // namespace specula
