#include "framework/model/engine/decoder_weights.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/model/checkpoint/float16.h"
#include "framework/model/rethrower.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kTableBlock = 256;  // rows converted at once

std::vector<float> read_padded(const Checkpoint& checkpoint, const std::string& name) {
  std::vector<float> values = checkpoint.read(name);
  values.resize(static_cast<size_t>(padded(static_cast<int64_t>(values.size()), 16)), 0.0f);
  return values;
}

PackedMatrix read_matrix(const Checkpoint& checkpoint, const std::string& name, const LinearKernel& kernel) {
  return PackedMatrix(checkpoint, {.tensors = {name}}, kernel);
}

}  // namespace

RowNorm Norm::of_rows() const {
  RowNorm all = row;
  all.weight = weight.empty() ? nullptr : weight.data();
  all.bias = bias.empty() ? nullptr : bias.data();
  return all;
}

RowTable::RowTable(const Checkpoint& checkpoint, const std::string& tensor, int element_bytes)
    : element_bytes_(element_bytes) {
  const std::string name = tensor + ".weight";
  const int64_t rows = checkpoint.shape(name).at(0), size = checkpoint.shape(name).at(1);
  row_size_ = size;
  data_ = AlignedBuffer(static_cast<size_t>(rows * row_bytes()));
  const bool is_stored_so = checkpoint.holds(name, element_bytes == 4 ? Dtype::kFloat32 : Dtype::kBfloat16);
  const auto read_block = [&](int64_t first) {
    const int64_t count = std::min(kTableBlock, rows - first);
    if (is_stored_so) return checkpoint.read_bits(name, first, count, data_.data() + first * row_bytes());
    std::vector<float> block(static_cast<size_t>(count * size));
    checkpoint.read_rows(name, first, count, block.data());
    for (int64_t i = 0; i < count * size; ++i) {
      const float value = block[static_cast<size_t>(i)];
      if (element_bytes_ == 4) data_.data<float>()[first * size + i] = value;
      if (element_bytes_ == 2) data_.data<uint16_t>()[first * size + i] = to_bfloat16(value);
    }
  };
  Rethrower rethrower;
#pragma omp parallel for num_threads(threads())
  for (int64_t first = 0; first < rows; first += kTableBlock) rethrower.run([&] { read_block(first); });
  rethrower.rethrow();
}

float RowTable::value(int64_t at) const {
  return element_bytes_ == 4 ? data_.data<float>()[at] : from_bfloat16(data_.data<uint16_t>()[at]);
}

void RowTable::read(int64_t row, float* out) const {
  for (int64_t i = 0; i < row_size_; ++i) out[i] = value(row * row_size_ + i);
}

void RowTable::add(int64_t row, float* to) const {
  for (int64_t i = 0; i < row_size_; ++i) to[i] += value(row * row_size_ + i);
}

DecoderWeights::DecoderWeights(const Checkpoint& checkpoint, const Kernels& kernels, const DecoderWeights* target)
    : config_(checkpoint.config()),
      kernels_(kernels),
      target_(target),
      embeds_from_head_(config_.tied && !is_quantized(kernels.dtype)) {
  const bool needs_target = !config_.state.own_embedding || !config_.state.own_output;
  SPECULA_CHECK(!needs_target || target != nullptr, "a head without its target");
  SPECULA_CHECK(!config_.places.parallel || config_.experts.count == 0, "experts beside attention");
  for (int64_t i = 0; i < config_.layers; ++i) layers_.push_back(read_layer(checkpoint, i));
  final_norm_ = read_norm(checkpoint, "final_norm");
  if (config_.state.own_output) head_ = read_matrix(checkpoint, config_.tied ? "embedding" : "head", kernels_.head);
  if (!embeds_from_head_ && config_.state.own_embedding)
    embedding_ = RowTable(checkpoint, "embedding", kernels_.cache_bytes);
  if (config_.learned_positions > 0) positions_ = RowTable(checkpoint, "positions", kernels_.cache_bytes);
  if (config_.is_projected()) {
    embedding_in_ = read_matrix(checkpoint, "embedding_in", kernels_.layer);
    embedding_out_ = read_matrix(checkpoint, "embedding_out", kernels_.layer);
  }
  if (config_.state.entry == StateEntry::kInput) state_input_ = read_matrix(checkpoint, "state_input", kernels_.layer);
  if (config_.state.joined > 0) state_join_ = read_matrix(checkpoint, "state_join", kernels_.layer);
  for (std::string name = "join_norm.0"; checkpoint.has(name + ".weight"); name = cat("join_norm.", join_norms_.size()))
    join_norms_.push_back(read_norm(checkpoint, name));
  if (checkpoint.has("mask_state.weight")) mask_state_ = checkpoint.read("mask_state.weight");
  token_norm_ = read_norm(checkpoint, "token_norm");
  state_norm_ = read_norm(checkpoint, "state_norm");
  const auto is_used = [&](LayerRope rope) {
    return std::any_of(layers_.begin(), layers_.end(), [&](const LayerWeights& layer) { return layer.rope == rope; });
  };
  if (is_used(LayerRope::kMain)) main_ = RotaryTable(config_.rope, config_.turning(), config_.context);
  if (is_used(LayerRope::kLocal)) local_ = RotaryTable(config_.local_rope, config_.turning(), config_.context);
}

// Empty where the model has no such norm.
Norm DecoderWeights::read_norm(const Checkpoint& checkpoint, const std::string& name) const {
  Norm norm;
  norm.row.kind = config_.norm;
  norm.row.epsilon = static_cast<float>(config_.norm_eps);
  if (checkpoint.has(name + ".weight")) norm.weight = read_padded(checkpoint, name + ".weight");
  if (checkpoint.has(name + ".bias")) norm.bias = read_padded(checkpoint, name + ".bias");
  return norm;
}

FeedForwardWeights DecoderWeights::read_feed_forward(const Checkpoint& checkpoint, const std::string& prefix) const {
  std::vector<std::string> up = {prefix + "up"};
  if (config_.gated) up.insert(up.begin(), prefix + "gate");
  FeedForwardWeights weights;
  weights.up = PackedMatrix(checkpoint, {.tensors = up, .fusion = Fusion::kAlternating}, kernels_.layer);
  weights.down = read_matrix(checkpoint, prefix + "down", kernels_.layer);
  return weights;
}

void DecoderWeights::read_experts(const Checkpoint& checkpoint, const std::string& prefix, LayerWeights& layer) const {
  std::vector<std::string> router = {prefix + "router"};
  if (config_.experts.shared_gate) router.push_back(prefix + "shared_gate");
  layer.router = PackedMatrix(checkpoint, {.tensors = router}, kernels_.router);
  for (int64_t e = 0; e < config_.experts.count; ++e)
    layer.experts.push_back(read_feed_forward(checkpoint, cat(prefix, "experts.", e, ".")));
  if (config_.experts.shared_intermediate > 0) layer.mlp = read_feed_forward(checkpoint, prefix + "shared.");
}

LayerWeights DecoderWeights::read_layer(const Checkpoint& checkpoint, int64_t index) {
  const std::string attention = cat("layers.", index, ".attention."), mlp = cat("layers.", index, ".mlp.");
  LayerWeights layer;
  layer.attention_norm = read_norm(checkpoint, attention + "norm");
  layer.attention_post_norm = read_norm(checkpoint, attention + "post_norm");
  layer.q_norm = read_norm(checkpoint, attention + "q_norm");
  layer.k_norm = read_norm(checkpoint, attention + "k_norm");
  layer.mlp_norm = read_norm(checkpoint, mlp + "norm");
  layer.mlp_post_norm = read_norm(checkpoint, mlp + "post_norm");
  layer.qkv =
      PackedMatrix(checkpoint, {.tensors = {attention + "q", attention + "k", attention + "v"}}, kernels_.layer);
  layer.output = read_matrix(checkpoint, attention + "output", kernels_.layer);
  if (config_.is_sparse(index)) {
    read_experts(checkpoint, mlp, layer);
  } else if (config_.feeds) {
    layer.mlp = read_feed_forward(checkpoint, mlp);
  }
  const int64_t window = config_.window(index);
  const auto known = std::find(windows_.begin(), windows_.end(), window);
  layer.window = static_cast<size_t>(known - windows_.begin());
  if (known == windows_.end()) windows_.push_back(window);
  layer.rope = config_.rope_of(index);
  layer.scale = static_cast<float>(config_.scale_of(index));
  return layer;
}

void DecoderWeights::embed(int64_t token, float* out) const {
  if (!config_.state.own_embedding) return target_->embed(token, out);
  if (embeds_from_head_) {
    head_.read_row(token, out);
  } else {
    embedding_.read(token, out);
  }
  if (config_.embedding_scale == 1) return;
  const auto scale = static_cast<float>(config_.embedding_scale);
  for (int64_t i = 0; i < config_.embedded(); ++i) out[i] *= scale;
}

int64_t DecoderWeights::bytes_per_pass() const {
  int64_t bytes = head().bytes() + state_input_.bytes() + token_norm_.bytes() + state_norm_.bytes() +
                  final_norm_.bytes() + config_.embedded() * kernels_.cache_bytes + positions_.row_bytes() +
                  embedding_in_.bytes() + embedding_out_.bytes();
  for (const LayerWeights& layer : layers_) {
    bytes += layer.qkv.bytes() + layer.output.bytes() + layer.mlp.bytes() + layer.router.bytes();
    if (!layer.experts.empty()) bytes += config_.experts.top * layer.experts.front().bytes();
    for (const Norm* norm : {&layer.attention_norm, &layer.attention_post_norm, &layer.q_norm, &layer.k_norm,
                             &layer.mlp_norm, &layer.mlp_post_norm})
      bytes += norm->bytes();
  }
  return bytes;
}

}  // namespace specula
