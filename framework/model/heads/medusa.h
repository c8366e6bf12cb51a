// Medusa's heads (Cai et al. 2024, section 3.1): head k names the token k + 2 behind the last scored one from that
// one's state h alone, logits = W_k (h' + ...), where h' = h + SiLU(V h + b), once for each of its blocks.
//
// Files: {k}.{l}.linear.{weight,bias} of block l of head k, {k}.{layers}.weight [V,H]; published configs understate the
// number of heads, so the file decides.  With `shared_lm_head` (not of the paper) W_k is the target's own head, and a
// head costs H^2 weights instead of V H.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/heads/step_heads.h"

namespace specula {

class MedusaHeads final : public StepHeads {
 public:
  MedusaHeads(const HeadFolder& folder, const LoadOptions& options);
  static ModelInfo read_info(const HeadFolder& folder);
  int64_t weight_bytes() const override;

 protected:
  // With a shared output head all heads' rows go through it in one product, which reads its weights once.
  Tensor all_logits(const Tensor& states) const override;

 private:
  struct Head {
    std::vector<HeadMatrix> blocks;
    HeadMatrix output;  // unless it is shared
  };
  static Tensor through_blocks(const Head& head, const Tensor& states);
  Step step(int depth, const Tensor& tokens, const Tensor& states, const Tensor& wanted) const override;

  std::vector<Head> heads_;
  const PackedMatrix* shared_ = nullptr;
};

}  // namespace specula
