// The MLP speculator (Wertheimer et al. 2024, "Accelerating Production LLMs with Combined Token/Embedding
// Speculators"): a state that starts as the target's and takes in one token a step,
//   s_k = GELU(norm_k(P_k s_(k-1) + c E_k(t_k))), logits = H_k s_k, c = sqrt((1 - w^2) D / 2) / w, w = 0.5^(0.5 / K)
// for K steps and an inner size of D; norm_k(x) = g x / sqrt(mean(x^2) + 1e-6) + b.  With scale_input s_(-1) is the
// target's state, normalised and divided by sqrt(2).
//
// Files: {emb,proj,head,ln}.{k}.weight, ln.{k}.bias, perhaps behind "speculator.".  With tie_weights all steps share
// emb, ln and head of the first one and proj from the second on.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/heads/step_heads.h"

namespace specula {

class MlpSpeculator final : public StepHeads {
 public:
  MlpSpeculator(const HeadFolder& folder, const LoadOptions& options);
  static ModelInfo read_info(const HeadFolder& folder);
  int64_t weight_bytes() const override;

 private:
  struct Head {
    Tensor embedding;  // [V,D] float32
    HeadMatrix projection, output;
    Tensor gain, shift;  // [D]
  };
  Step step(int depth, const Tensor& tokens, const Tensor& states, const Tensor& wanted) const override;

  bool scales_input_;
  int64_t inner_;
  double token_weight_;
  std::vector<std::shared_ptr<const Head>> heads_;
};

}  // namespace specula
