#include "framework/model/engine/llama_weights.h"

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"
#include "framework/model/checkpoint/float16.h"
#include "framework/model/rethrower.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kEmbeddingBlock = 256;  // rows converted at once

std::vector<float> read_norm(const Checkpoint& checkpoint, const std::string& name) {
  std::vector<float> weight = checkpoint.read(name);
  weight.resize(static_cast<size_t>(padded(static_cast<int64_t>(weight.size()), 16)), 0.0f);
  return weight;
}

AlignedBuffer read_embedding(const Checkpoint& checkpoint, int element_bytes) {
  const std::string name = "embedding.weight";
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
      rotations_(config_.rope, config_.turning(), config_.context) {
  const bool mlp_bias = config_.mlp_bias;
  for (int64_t i = 0; i < config_.layers; ++i) {
    const std::string prefix = cat("layers.", i, ".");
    const auto pack = [&](std::vector<std::string> names, Fusion fusion, bool bias) {
      for (std::string& name : names) name.insert(0, prefix);
      return PackedMatrix(checkpoint, {.tensors = names, .fusion = fusion, .bias = bias}, kernels_.layer);
    };
    Layer layer;
    layer.input_norm = read_norm(checkpoint, prefix + "attention.norm.weight");
    layer.attention_norm = read_norm(checkpoint, prefix + "mlp.norm.weight");
    layer.qkv = pack({"attention.q", "attention.k", "attention.v"}, Fusion::kStacked, config_.qkv_bias);
    layer.output = pack({"attention.output"}, Fusion::kStacked, config_.output_bias);
    layer.gate_up = pack({"mlp.gate", "mlp.up"}, Fusion::kAlternating, mlp_bias);
    layer.down = pack({"mlp.down"}, Fusion::kStacked, mlp_bias);
    layers_.push_back(std::move(layer));
  }
  final_norm_ = read_norm(checkpoint, "final_norm.weight");
  head_ = PackedMatrix(checkpoint, {.tensors = {config_.tied ? "embedding" : "head"}}, kernels_.head);
  if (!embeds_from_head_) embedding_ = read_embedding(checkpoint, kernels_.cache_bytes);
}

void LlamaWeights::embed(int64_t token, float* out) const {
  if (embeds_from_head_) return head_.read_row(token, out);
  const int64_t hidden = config_.hidden;
  for (int64_t i = 0; i < hidden; ++i) {
    const int64_t at = token * hidden + i;
    out[i] = kernels_.cache_bytes == 4 ? embedding_.data<float>()[at] : from_bfloat16(embedding_.data<uint16_t>()[at]);
  }
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
