// The fast forward of every architecture: packed weights, own kernels, float32 to 4 bits.  In bfloat16 the weights, the
// inputs of matrix products and the cache are bfloat16; the residual stream, attention's sums, routers and the logits
// stay float32. Licence: Apache-2.0.
#pragma once

#include "framework/model/engine/decoder_cache.h"
#include "framework/model/engine/decoder_weights.h"
#include "framework/model/load.h"
#include "framework/model/pass_input.h"

namespace specula {

class DecoderModel final : public LoadedModel {
 public:
  // `target`: of a head, which must outlive it.
  DecoderModel(const Checkpoint& checkpoint, const Kernels& kernels, const DecoderModel* target = nullptr);

  int64_t vocab() const override { return weights_.config().vocab; }
  int64_t context() const override { return weights_.config().context; }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override;
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;
  std::unique_ptr<PartialHead> partial_head(const std::vector<Token>& tokens) const override;

  const ModelInfo& info() const override { return info_; }
  Dtype dtype() const override { return weights_.kernels().dtype; }
  std::string engine() const override;
  bool is_invariant_by_construction() const override { return true; }
  const DecoderWeights& weights() const { return weights_; }
  const HeadTraits* head_traits() const override { return weights_.config().is_head() ? &traits_ : nullptr; }
  Tensor join(const Tensor& states) const override;
  // Of a model with experts: what one row uses; further rows read what they use besides.
  int64_t weight_bytes() const override { return weights_.bytes_per_pass(); }
  int64_t kv_bytes_per_slot() const override;

 private:
  const PackedMatrix& head_of(const Ask& ask) const;
  void check_positions(const PassInput& in, const DecoderCache& cache, int64_t rewind) const;

  ModelInfo info_;
  DecoderWeights weights_;
  HeadTraits traits_;                // of a head
  std::vector<Token> draft_tokens_;  // of a head that drafts a part of the vocabulary: what its outputs are
};

}  // namespace specula
