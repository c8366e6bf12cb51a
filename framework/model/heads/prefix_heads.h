// Heads behind a decoder layer of their own (Hydra++, Ankner et al. 2024, section 4.2, "prefix-mlp"): the layer reads
// the target's last states of the whole text, and what it gives for the last token is the state that the heads begin
// with. So rows of the text attend, and drafted rows do not.  Licence: Apache-2.0.
#pragma once

#include <memory>

#include "framework/model/engine/decoder_model.h"
#include "framework/model/heads/step_heads.h"

namespace specula {

class PrefixHeads final : public LoadedModel {
 public:
  // `layer` has one site behind its final norm and is asked for no logits.
  PrefixHeads(std::unique_ptr<StepHeads> heads, std::unique_ptr<DecoderModel> layer);

  const ModelInfo& info() const override { return heads_->info(); }
  Dtype dtype() const override { return heads_->dtype(); }
  std::string engine() const override { return layer_->engine(); }
  bool is_invariant_by_construction() const override { return true; }  // by kernels that are
  int64_t weight_bytes() const override;
  int64_t kv_bytes_per_slot() const override { return layer_->kv_bytes_per_slot(); }
  int64_t vocab() const override { return heads_->vocab(); }
  int64_t context() const override { return layer_->context(); }
  const HeadTraits* head_traits() const override { return &traits_; }
  Tensor join(const Tensor& states) const override { return heads_->join(states); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override;
  // The rows of a sequence's first pass since its last commit are text, the last of them the root; those of further
  // passes are drafts.  Of text rows only the root has logits and a state; all others are zero.
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;

 private:
  std::unique_ptr<StepHeads> heads_;
  std::unique_ptr<DecoderModel> layer_;
  HeadTraits traits_;
};

// Of a folder of such heads: the layer, whose sizes are those of the target's layers.  Throws Error.
std::unique_ptr<DecoderModel> load_prefix_layer(const std::filesystem::path& folder, const HeadFolder& files,
                                                const DecoderModel& target);

}  // namespace specula
