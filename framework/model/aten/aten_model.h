// The forward of the Llama family in plain LibTorch operators, on any device that LibTorch has: the slow reference of
// the own engine, and the way onto a GPU.  float32 or bfloat16; the residual stream, norms, softmax and the sums of
// attention over keys stay float32 as far as the operators allow.
// On the CPU a product is LibTorch's packed oneDNN one where that is faster (library_choice.h).
// NOT batch-invariant: LibTorch picks its kernels by shape, so a row's last bits depend on how many rows a pass has.
// Greedy speculative text may therefore differ from the baseline's where two tokens are nearly equal.  On the own
// engine (decoder_model.h) it may not. Logits and hidden states come back in host memory, in one copy: sampler and
// verifiers read them there. Licence: Apache-2.0.
#pragma once

#include "framework/model/aten/aten_cache.h"
#include "framework/model/aten/aten_weights.h"
#include "framework/model/load.h"

namespace specula {

class AtenModel final : public LoadedModel {
 public:
  // Throws Error if the device has no room.  `dtype` is fp32 or bf16.
  AtenModel(const Checkpoint& checkpoint, Dtype dtype, at::Device device);

  int64_t vocab() const override { return weights_.config.vocab; }
  int64_t context() const override { return weights_.config.context; }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override;
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;

  std::unique_ptr<PartialHead> partial_head(const std::vector<Token>& tokens) const override;

  const ModelInfo& info() const override { return info_; }
  Dtype dtype() const override { return dtype_; }
  bool is_invariant_by_construction() const override { return false; }
  std::string engine() const override;  // "ATen on cuda:0", "ATen on cpu, products oneDNN"
  int64_t weight_bytes() const override { return weights_.bytes_per_pass(); }
  int64_t kv_bytes_per_slot() const override;

 private:
  AtenCacheShape cache_shape() const;
  const LibraryLinear& head_of(const Ask& ask) const;

  ModelInfo info_;
  Dtype dtype_;
  AtenWeights weights_;
};

}  // namespace specula
