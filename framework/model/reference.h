// The reference forward: plain differentiable ATen, float32, stateless.  The oracle that the fast forward is compared
// with, and a starting point for training.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/core/tensor.h"
#include "framework/model/checkpoint/llama_config.h"

namespace specula {

class ReferenceLlama {
 public:
  explicit ReferenceLlama(const std::filesystem::path& folder);  // throws Error

  struct Output {
    Tensor logits;  // [T,V] float32
    Tensor hidden;  // [T,S,H] float32 in the order asked for; undefined if none was
  };
  // token [T] int64; parent [T] int64, parent[i] < i, -1 for a root: a row sees itself and its ancestors, and its
  // position is its depth.  Sites as in Ask::hidden.  `bias` [T,T] float32 is added to the scores of row and ancestor,
  // -infinity hides it; undefined: none.
  Output forward(const Tensor& token, const Tensor& parent, const std::vector<int>& sites = {},
                 const Tensor& bias = {}) const;

  const LlamaConfig& config() const { return config_; }
  std::map<std::string, Tensor>& parameters() { return parameters_; }  // by their names in the checkpoint

 private:
  Tensor weight(const std::string& name) const;
  Tensor linear(const Tensor& x, const std::string& name, bool bias) const;
  Tensor norm(const Tensor& x, const std::string& name) const;
  Tensor attention(const Tensor& x, const std::string& prefix, const Tensor& position, const Tensor& mask) const;

  LlamaConfig config_;
  std::map<std::string, Tensor> parameters_;
};

}  // namespace specula
