// Hydra's heads (Ankner et al. 2024, section 3): head k reads the last scored token's state and the
// embeddings of all tokens drafted since, x = [h; e(t_0); ..; e(t_k)], t_0 the token behind the scored ones.
// y = R x + SiLU(W x + b), then blocks y + SiLU(W y + b), then logits.
//
// Files: hydra_mlp.{k}.0.{linear,res_connection}.* [H,(k+2)H], hydra_mlp.{k}.{l}.linear.*, hydra_lm_head.{k}.*.
// Embeddings are the target's.  Of the kind "prefix-mlp" (Hydra++) the state comes from a decoder layer
// (prefix_heads.h), prefix_embeding_layer.layers.0.*, .norm; the other kinds are refused.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/heads/step_heads.h"

namespace specula {

class HydraHeads final : public StepHeads {
 public:
  HydraHeads(const HeadFolder& folder, const LoadOptions& options);
  static ModelInfo read_info(const HeadFolder& folder);
  static bool has_prefix(const HeadFolder& folder);
  int64_t weight_bytes() const override;

 private:
  struct Head {
    HeadMatrix residual;
    std::vector<HeadMatrix> blocks;
    HeadMatrix output;
  };
  Step step(int depth, const Tensor& tokens, const Tensor& states, const Tensor& wanted) const override;

  std::vector<Head> heads_;
};

}  // namespace specula
