// The reference forward of every architecture: plain differentiable ATen, float32, stateless.  The oracle that the fast
// forward is compared with, and what training computes with: trees of one text, or causal chains side by side.
// Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/core/tensor.h"
#include "framework/model/architecture/decoder_config.h"

namespace specula {

class Checkpoint;

// Every tensor of a checkpoint in float32, by its name in TensorSpec.  Throws Error.
std::map<std::string, Tensor> read_parameters(const Checkpoint& checkpoint);

class ReferenceDecoder {
 public:
  explicit ReferenceDecoder(const std::filesystem::path& folder);  // throws Error
  // Of parameters that the caller goes on to train: their storage is shared.
  ReferenceDecoder(DecoderConfig config, std::map<std::string, Tensor> parameters);

  struct Output {
    Tensor logits;  // [T,V] float32
    Tensor hidden;  // [T,S,H] float32 in the order asked for; undefined if none was
  };
  // token [T] int64; parent [T] int64, parent[i] < i, -1 for a root: a row sees itself and its ancestors, and its
  // position is its depth.  Sites as in Ask::hidden.  `bias` [T,T] float32 is added to the scores of row and ancestor,
  // -infinity hides it; undefined: none.
  Output forward(const Tensor& token, const Tensor& parent, const std::vector<int>& sites = {},
                 const Tensor& bias = {}) const;

  // [L,heads,T] float32, nats: how far each row's attention spreads.
  Tensor attention_entropy(const Tensor& token, const Tensor& parent) const;

  // Of texts side by side, token [B,T] int64, each row seeing itself and those before it: the states [B,T,H] of the
  // sites asked for, in their order.
  std::vector<Tensor> states(const Tensor& token, const std::vector<int>& sites) const {
    return states(token, sites, chain(token.size(1)));
  }
  // [B,T,H]: what logits() takes.  parent [T] as in forward(), the same for all texts; undefined: each row behind the
  // one before it.
  Tensor final_states(const Tensor& token, const Tensor& parent = {}) const;
  // One layer over such texts: x [B,T,H] is what it is given.
  Tensor run_layer(const Tensor& x, int64_t index) const;
  Tensor final_norm(const Tensor& x) const;  // [...,H] of site L, or of an earlier exit, to the last site's
  Tensor logits(const Tensor& x) const;      // [...,H] of the last site to [...,V]

  const DecoderConfig& config() const { return config_; }
  int last_site() const { return static_cast<int>(config_.layers) + 1; }
  const std::map<std::string, Tensor>& parameters() const { return parameters_; }  // by their names in TensorSpec
  std::map<std::string, Tensor>& parameters() { return parameters_; }

 private:
  explicit ReferenceDecoder(const Checkpoint& checkpoint);
  struct Rows {
    std::vector<int64_t> position;           // [T]
    std::vector<Tensor> windowed;            // [layers] the mask [T,T] of each; undefined: all before it
    Tensor main, local;                      // [T,1,turning]: cosines and sines of the positions
    std::vector<Tensor>* entropy = nullptr;  // of attention, [heads,T] a layer; null: nobody asks
  };
  Rows place(const Tensor& parent, const Tensor& bias) const;
  Rows chain(int64_t count) const;
  std::vector<Tensor> states(const Tensor& token, const std::vector<int>& sites, const Rows& rows) const;
  void turn(Rows& rows) const;
  Tensor weight(const std::string& name) const { return parameters_.at(name); }
  at::Device device() const { return parameters_.begin()->second.device(); }
  Tensor linear(const Tensor& x, const std::string& name) const;
  Tensor norm(const Tensor& x, const std::string& name) const;
  Tensor embed(const Tensor& token, const Rows& rows) const;
  Tensor turned(const Tensor& x, int64_t layer, const Rows& rows) const;
  Tensor heads(const Tensor& x, const std::string& name, const std::string& norm_name, int64_t count) const;
  Tensor attention(const Tensor& x, int64_t layer, const Rows& rows) const;
  Tensor activated(const Tensor& x) const;
  Tensor feed_forward(const Tensor& x, const std::string& name) const;
  Tensor experts(const Tensor& x, const std::string& name) const;
  Tensor mlp(const Tensor& x, int64_t layer) const;
  Tensor layer(const Tensor& x, int64_t index, const Rows& rows) const;

  DecoderConfig config_;
  std::map<std::string, Tensor> parameters_;
  RotaryTable main_, local_;
};

}  // namespace specula
