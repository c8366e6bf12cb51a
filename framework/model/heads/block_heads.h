// Heads that name a block of tokens in one pass (DFlash, Chen et al. 2026): behind the last token of the text stand
// masks, all of which see each other and the target's states of the text, and the k-th mask names the token k places
// on.  What it says does not depend on the tokens drafted above it, so one pass over a block answers a whole round.
// Licence: Apache-2.0.
#pragma once

#include <memory>

#include "framework/model/engine/decoder_model.h"
#include "framework/model/wrapped_model.h"

namespace specula {

class BlockHeads final : public LoadedModel {
 public:
  // `layers`: DecoderConfig::drafts_blocks().
  explicit BlockHeads(std::unique_ptr<DecoderModel> layers) : layers_(std::move(layers)) {}

  const ModelInfo& info() const override { return layers_->info(); }
  Dtype dtype() const override { return layers_->dtype(); }
  std::string engine() const override { return layers_->engine(); }
  bool is_invariant_by_construction() const override { return true; }  // by kernels that are
  int64_t weight_bytes() const override { return layers_->weight_bytes(); }
  int64_t kv_bytes_per_slot() const override { return layers_->kv_bytes_per_slot(); }
  int64_t vocab() const override { return layers_->vocab(); }
  int64_t context() const override { return layers_->context(); }
  const HeadTraits* head_traits() const override { return layers_->head_traits(); }
  Tensor join(const Tensor& states) const override { return layers_->join(states); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return new_cache(batch, reserve, traits().depth + 1);
  }
  // Whose passes are over blocks of so many rows: 2 .. as many as the head was trained with.
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve, int block) const;
  std::unique_ptr<PartialHead> partial_head(const std::vector<Token>& tokens) const override {
    return layers_->partial_head(tokens);
  }
  // The rows of a sequence's first pass since its last commit are text, the last of them the root; those of further
  // passes are drafts.  Only the root and drafts have logits, the same for all drafts of one depth; what a drafted row
  // carries is not read, and zero.
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;

 private:
  const HeadTraits& traits() const { return *layers_->head_traits(); }

  std::unique_ptr<DecoderModel> layers_;
};

// The same head with fewer masks: cheaper passes that name fewer tokens, and name them otherwise, since masks see each
// other.  The head is lent.
class ShorterBlock final : public WrappedModel {
 public:
  ShorterBlock(const BlockHeads& head, int block);
  const HeadTraits* head_traits() const override { return &traits_; }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return head_.new_cache(batch, reserve, traits_.depth + 1);
  }
  std::unique_ptr<PartialHead> partial_head(const std::vector<Token>& tokens) const override {
    return head_.partial_head(tokens);
  }
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    return head_.forward(rows, cache, ask);
  }

 private:
  const BlockHeads& head_;
  HeadTraits traits_;
};

}  // namespace specula
