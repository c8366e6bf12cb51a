// Heads that draft without attention: what follows a row depends on the state it carries, on its token and on how deep
// it hangs below the last token of the text.  A pass takes the rows of one depth together.  What such networks share is
// here; medusa.h, hydra.h and mlp_speculator.h compute a step.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/model/heads/head_folder.h"
#include "framework/model/heads/head_target.h"

namespace specula {

// y [n,outputs] = x [n,inputs] W^T + bias, by the own kernels and all threads.
class HeadMatrix {
 public:
  HeadMatrix() = default;
  // `prefix`.weight [outputs,inputs], `prefix`.bias [outputs] where there is one.
  HeadMatrix(const HeadFolder& folder, const std::string& prefix, int64_t outputs, int64_t inputs,
             const LinearKernel& kernel);
  Tensor operator()(const Tensor& x) const;
  int64_t bytes() const { return matrix_.bytes() + (bias_.defined() ? bias_.numel() * 4 : 0); }

 private:
  PackedMatrix matrix_;
  Tensor bias_;  // [outputs] float32
};

class StepHeads : public LoadedModel {
 public:
  // The site is the target's last: its states behind the final norm, which its own head reads.  Throws as target_of().
  StepHeads(ModelInfo info, HeadTraits traits, const LoadOptions& options);

  const ModelInfo& info() const override { return info_; }
  Dtype dtype() const override { return dtype_; }
  std::string engine() const override;
  bool is_invariant_by_construction() const override { return true; }  // by kernels that are
  int64_t kv_bytes_per_slot() const override { return 0; }
  int64_t vocab() const override { return info_.vocab; }
  int64_t context() const override { return info_.context; }
  const HeadTraits* head_traits() const override { return &traits_; }
  Tensor join(const Tensor& states) const override;  // of one site; zeros behind it, up to the width
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override;
  // Rows deeper than there are heads are given what the last head says.
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;

 protected:
  struct Step {
    Tensor own;     // [n,W]: the states that rows below carry
    Tensor logits;  // [wanted,V] float32
  };
  // Rows of depth 0 <= d < depth(): tokens [n], states [n,W]; `wanted` [m]: those of them whose logits are asked for.
  virtual Step step(int depth, const Tensor& tokens, const Tensor& states, const Tensor& wanted) const = 0;
  // Heads whose logits do not depend on the tokens may name those of all depths at once: states [n,W] of roots to
  // [n,depth,V], which is asked once a round; undefined: they are asked step by step.
  virtual Tensor all_logits(const Tensor& /*states*/) const { return {}; }
  int depth() const { return traits_.depth; }
  const DecoderModel& target() const { return target_; }

 private:
  ModelInfo info_;
  HeadTraits traits_;
  Dtype dtype_;
  const DecoderModel& target_;
};

ModelInfo read_step_heads_info(const std::filesystem::path& folder);  // throws Error
std::unique_ptr<LoadedModel> load_step_heads(const std::filesystem::path& folder, const LoadOptions& options);

}  // namespace specula
