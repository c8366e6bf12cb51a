#include "framework/model/engine/llama_weights.h"

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"
#include "framework/model/checkpoint/float16.h"
#include "framework/model/rethrower.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kMostTabledPositions = 8192;  // 2 MB at head size 64; later positions are computed when they come
constexpr int64_t kEmbeddingBlock = 256;        // rows converted at once

std::vector<float> read_norm(const Checkpoint& checkpoint, const std::string& name) {
  std::vector<float> weight = checkpoint.read(name);
  weight.resize(static_cast<size_t>(padded(static_cast<int64_t>(weight.size()), 16)), 0.0f);
  return weight;
}

AlignedBuffer read_embedding(const Checkpoint& checkpoint, int element_bytes) {
  const std::string name = "model.embed_tokens.weight";
  const int64_t vocab = checkpoint.config().vocab, hidden = checkpoint.config().hidden;
  AlignedBuffer table(static_cast<size_t>(vocab * hidden * element_bytes));
  const bool is_stored_so = checkpoint.holds(name, element_bytes == 4 ? Dtype::kFloat32 : Dtype::kBfloat16);
  const int64_t blocks = (vocab + kEmbeddingBlock - 1) / kEmbeddingBlock;
  const auto read_block = [&](int64_t first) {
    const int64_t rows = std::min(kEmbeddingBlock, vocab - first);
    if (is_stored_so) return checkpoint.read_bits(name, first, rows, table.data() + first * hidden * element_bytes);
    std::vector<float> block(static_cast<size_t>(rows * hidden));
    checkpoint.read_rows(name, first, rows, block.data());
    for (int64_t i = 0; i < rows * hidden; ++i) {
      const float value = block[static_cast<size_t>(i)];
      if (element_bytes == 4) table.data<float>()[first * hidden + i] = value;
      if (element_bytes == 2) table.data<uint16_t>()[first * hidden + i] = to_bfloat16(value);
    }
  };
  Rethrower rethrower;
#pragma omp parallel for num_threads(threads())
  for (int64_t b = 0; b < blocks; ++b) rethrower.run([&] { read_block(b * kEmbeddingBlock); });
  rethrower.rethrow();
  return table;
}

}  // namespace

LlamaWeights::LlamaWeights(const Checkpoint& checkpoint, const Kernels& kernels)
    : config_(checkpoint.config()),
      kernels_(kernels),
      embeds_from_head_(config_.tied && !is_quantized(kernels.dtype)),
      frequencies_(rope_frequencies(config_)) {
  const bool attention_bias = config_.attention_bias, mlp_bias = config_.mlp_bias;
  for (int64_t i = 0; i < config_.layers; ++i) {
    const std::string prefix = cat("model.layers.", i, ".");
    const auto pack = [&](std::vector<std::string> names, Fusion fusion, bool bias) {
      for (std::string& name : names) name.insert(0, prefix);
      return PackedMatrix(checkpoint, {.tensors = names, .fusion = fusion, .bias = bias}, kernels_.layer);
    };
    Layer layer;
    layer.input_norm = read_norm(checkpoint, prefix + "input_layernorm.weight");
    layer.attention_norm = read_norm(checkpoint, prefix + "post_attention_layernorm.weight");
    layer.qkv = pack({"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, Fusion::kStacked, attention_bias);
    layer.output = pack({"self_attn.o_proj"}, Fusion::kStacked, attention_bias);
    layer.gate_up = pack({"mlp.gate_proj", "mlp.up_proj"}, Fusion::kAlternating, mlp_bias);
    layer.down = pack({"mlp.down_proj"}, Fusion::kStacked, mlp_bias);
    layers_.push_back(std::move(layer));
  }
  final_norm_ = read_norm(checkpoint, "model.norm.weight");
  head_ = PackedMatrix(checkpoint, {.tensors = {config_.tied ? "model.embed_tokens" : "lm_head"}}, kernels_.head);
  if (!embeds_from_head_) embedding_ = read_embedding(checkpoint, kernels_.cache_bytes);
  const int64_t tabled = std::min(config_.context, kMostTabledPositions);
  rotations_.resize(static_cast<size_t>(tabled * config_.head_dim));
  for (int64_t p = 0; p < tabled; ++p) fill_rotation(p, rotations_.data() + p * config_.head_dim);
}

void LlamaWeights::embed(int64_t token, float* out) const {
  if (embeds_from_head_) return head_.read_row(token, out);
  const int64_t hidden = config_.hidden;
  for (int64_t i = 0; i < hidden; ++i) {
    const int64_t at = token * hidden + i;
    out[i] = kernels_.cache_bytes == 4 ? embedding_.data<float>()[at] : from_bfloat16(embedding_.data<uint16_t>()[at]);
  }
}

// The angle is a float32 product, as in the reference implementations; its cosine is exact to the last bit or nearly
// so.
void LlamaWeights::fill_rotation(int64_t position, float* out) const {
  const size_t half = frequencies_.size();
  for (size_t i = 0; i < half; ++i) {
    const double angle = static_cast<float>(position) * frequencies_[i];
    out[i] = static_cast<float>(std::cos(angle));
    out[half + i] = static_cast<float>(std::sin(angle));
  }
}

const float* LlamaWeights::rotation(int64_t position, float* scratch) const {
  const auto at = static_cast<size_t>(position * config_.head_dim);
  if (at < rotations_.size()) return rotations_.data() + at;
  fill_rotation(position, scratch);
  return scratch;
}

int64_t LlamaWeights::bytes_per_pass() const {
  const int64_t norm_bytes = padded(config_.hidden, 16) * 4;
  int64_t bytes = head_.bytes() + norm_bytes + config_.hidden * kernels_.cache_bytes;
  for (const Layer& layer : layers_) {
    bytes += layer.qkv.bytes() + layer.output.bytes() + layer.gate_up.bytes() + layer.down.bytes() + 2 * norm_bytes;
  }
  return bytes;
}

}  // namespace specula
