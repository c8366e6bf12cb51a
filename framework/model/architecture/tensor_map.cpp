#include "framework/model/architecture/tensor_map.h"

#include "framework/core/error.h"

namespace specula {

std::string TensorMap::layer_name(int64_t layer, const char* rest) { return cat("layers.", layer, ".", rest); }

void TensorMap::norm(const std::string& name, int64_t size, const std::string& stored) {
  specs_.push_back({.name = name + ".weight",
                    .shape = {size},
                    .stored = stored + ".weight",
                    .stored_shape = {size},
                    .plus = norm_plus_});
  if (config_.norm == NormKind::kLayer && config_.norm_bias) {
    specs_.push_back({.name = name + ".bias", .shape = {size}, .stored = stored + ".bias", .stored_shape = {size}});
  }
}

void TensorMap::table(const std::string& name, int64_t rows, int64_t row_size, const std::string& stored) {
  matrix({.name = name, .outputs = rows, .inputs = row_size, .bias = false}, stored);
}

void TensorMap::matrix(const Matrix& matrix, const std::string& stored) {
  slice(matrix, {.stored = stored, .stored_rows = matrix.outputs});
}

void TensorMap::slice(const Matrix& matrix, const Slice& slice) {
  specs_.push_back({.name = matrix.name + ".weight",
                    .shape = {matrix.outputs, matrix.inputs},
                    .stored = slice.stored + ".weight",
                    .stored_shape = {slice.stored_rows, matrix.inputs},
                    .first = slice.first,
                    .block = slice.block,
                    .stride = slice.stride});
  if (!matrix.bias) return;
  specs_.push_back({.name = matrix.name + ".bias",
                    .shape = {matrix.outputs},
                    .stored = slice.stored + ".bias",
                    .stored_shape = {slice.stored_rows},
                    .first = slice.first,
                    .block = slice.block,
                    .stride = slice.stride});
}

void TensorMap::columns(const Matrix& matrix, const Slice& slice) {
  this->slice(matrix, slice);
  TensorSpec& weight = specs_[specs_.size() - (matrix.bias ? 2 : 1)];
  weight.stored_shape = {matrix.inputs, slice.stored_rows};
  weight.transposed = true;
}

void TensorMap::embedding(const EndNames& names) {
  table("embedding", config_.vocab, config_.embedded(), names.embedding);
}

void TensorMap::head(const EndNames& names) {
  if (config_.final_norm) norm("final_norm", config_.hidden, names.final_norm);
  if (config_.tied) return;
  matrix({.name = "head", .outputs = config_.outputs(), .inputs = config_.embedded(), .bias = config_.head_bias},
         names.head);
}

// Gate, up and down of a feed-forward block.
void TensorMap::block(const std::string& name, const std::string& stored, const LayerNames& names,
                      int64_t intermediate) {
  const bool bias = config_.mlp_bias;
  if (config_.gated) matrix({name + "gate", intermediate, config_.hidden, bias}, stored + names.expert_gate);
  matrix({name + "up", intermediate, config_.hidden, bias}, stored + names.expert_up);
  matrix({name + "down", config_.hidden, intermediate, bias}, stored + names.expert_down);
}

void TensorMap::sparse_mlp(const std::string& name, const std::string& stored, const LayerNames& names) {
  const Experts& experts = config_.experts;
  matrix({name + "router", experts.count, config_.hidden, false}, stored + names.router);
  for (int64_t e = 0; e < experts.count; ++e)
    block(cat(name, "experts.", e, "."), cat(stored, names.experts, ".", e, "."), names, experts.intermediate);
  if (experts.shared_intermediate > 0)
    block(name + "shared.", stored + names.shared + ".", names, experts.shared_intermediate);
  if (experts.shared_gate) matrix({name + "shared_gate", 1, config_.hidden, false}, stored + names.shared_gate);
}

void TensorMap::layer(int64_t layer, const std::string& prefix, const LayerNames& names) {
  const int64_t hidden = config_.hidden, query = config_.heads * config_.head_dim,
                key = config_.kv_heads * config_.head_dim, wide = config_.intermediate;
  const int64_t inputs = config_.attention_inputs(layer);
  const std::string attention = layer_name(layer, "attention."), mlp = layer_name(layer, "mlp.");
  const auto add_norm = [&](const std::string& name, int64_t size, const std::string& stored) {
    if (!stored.empty()) norm(name, size, prefix + stored);
  };
  const auto add = [&](const Matrix& m, const std::string& stored) {
    if (!stored.empty()) matrix(m, prefix + stored);
  };
  const bool has_post = config_.places.after || config_.places.sum;
  if (config_.places.before) add_norm(attention + "norm", hidden, names.attention_norm);
  add({attention + "q", query, inputs, config_.qkv_bias}, names.q);
  add({attention + "k", key, inputs, config_.qkv_bias}, names.k);
  add({attention + "v", key, inputs, config_.qkv_bias}, names.v);
  add({attention + "output", hidden, query, config_.output_bias}, names.output);
  if (config_.query_key_norm != QueryKeyNorm::kNone) {
    const bool per_head = config_.query_key_norm == QueryKeyNorm::kHead;
    add_norm(attention + "q_norm", per_head ? config_.head_dim : query, names.q_norm);
    add_norm(attention + "k_norm", per_head ? config_.head_dim : key, names.k_norm);
  }
  if (has_post) add_norm(attention + "post_norm", hidden, names.attention_post_norm);
  if (!config_.feeds) return;
  if (config_.places.before && !config_.places.shared) add_norm(mlp + "norm", hidden, names.mlp_norm);
  if (config_.is_sparse(layer)) {
    sparse_mlp(mlp, prefix, names);
  } else {
    if (config_.gated) add({mlp + "gate", wide, hidden, config_.mlp_bias}, names.gate);
    add({mlp + "up", wide, hidden, config_.mlp_bias}, names.up);
    add({mlp + "down", hidden, wide, config_.mlp_bias}, names.down);
  }
  if (has_post) add_norm(mlp + "post_norm", hidden, names.mlp_post_norm);
}

void TensorMap::all_layers(const EndNames& ends, const LayerNames& names) {
  for (int64_t l = 0; l < config_.layers; ++l) layer(l, cat(ends.layers, ".", l, "."), names);
}

}  // namespace specula
