// Builds the list of a model's tensors: canonical name, shape, and where a family's files keep it.  Licence:
// Apache-2.0.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "framework/model/architecture/decoder_config.h"

namespace specula {

// Names of a layer's tensors behind its prefix, without ".weight" and ".bias".  "" where a family keeps the tensor in
// another way or has none.
struct LayerNames {
  std::string attention_norm = "input_layernorm", attention_post_norm{};
  std::string q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", output = "self_attn.o_proj";
  std::string q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm";
  std::string mlp_norm = "post_attention_layernorm", mlp_post_norm{};
  std::string gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj";
  // Of layers with experts.
  std::string router = "mlp.gate", experts = "mlp.experts", shared = "mlp.shared_expert",
              shared_gate = "mlp.shared_expert_gate";
  std::string expert_gate = "gate_proj", expert_up = "up_proj", expert_down = "down_proj";
};

struct EndNames {
  std::string embedding = "model.embed_tokens", final_norm = "model.norm", head = "lm_head";
  std::string layers = "model.layers";
};

class TensorMap {
 public:
  TensorMap(const DecoderConfig& config, float norm_plus = 0) : config_(config), norm_plus_(norm_plus) {}

  void embedding(const EndNames& names);
  void head(const EndNames& names);  // and the final norm
  // Every tensor of a layer that has a name.
  void layer(int64_t layer, const std::string& prefix, const LayerNames& names);
  void all_layers(const EndNames& ends, const LayerNames& names);
  void norm(const std::string& name, int64_t size, const std::string& stored);

  struct Matrix {
    std::string name;
    int64_t outputs, inputs;
    bool bias;
  };
  void matrix(const Matrix& matrix, const std::string& stored);
  // Rows of a matrix that holds several: see TensorSpec.
  struct Slice {
    std::string stored;
    int64_t stored_rows;
    int64_t first = 0, block = 0, stride = 0;
  };
  void slice(const Matrix& matrix, const Slice& slice);
  // The same of a matrix that is kept as [inputs,outputs]: a slice of its columns.
  void columns(const Matrix& matrix, const Slice& slice);
  void table(const std::string& name, int64_t rows, int64_t row_size, const std::string& stored);

  std::vector<TensorSpec> take() { return std::move(specs_); }
  const DecoderConfig& config() const { return config_; }
  static std::string layer_name(int64_t layer, const char* rest);

 private:
  void sparse_mlp(const std::string& name, const std::string& stored, const LayerNames& names);
  void block(const std::string& name, const std::string& stored, const LayerNames& names, int64_t intermediate);

  const DecoderConfig& config_;
  float norm_plus_;
  std::vector<TensorSpec> specs_;
};

}  // namespace specula
