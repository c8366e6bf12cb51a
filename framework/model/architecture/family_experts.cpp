// Mixtral (Jiang et al. 2024), Qwen2-MoE and Qwen3-MoE: feed-forward blocks of which each row uses a few.
#include "framework/model/architecture/family.h"
#include "framework/model/architecture/rope_config.h"

namespace specula {
namespace {

constexpr int64_t kMostExperts = 1024;

// transformers 5 says num_local_experts where transformers 4 said num_experts, but for Qwen2-MoE.
void read_experts(const ConfigFields& fields, int64_t count, int64_t top, DecoderConfig& config) {
  Experts& experts = config.experts;
  count = fields.size_or("num_experts", count, kMostExperts);
  experts.count = fields.size_or("num_local_experts", count, kMostExperts);
  experts.top = fields.size_or("num_experts_per_tok", top, kMostExperts);
  if (experts.top > experts.count) {
    fields.fail("num_experts_per_tok", "is " + std::to_string(experts.top) + ", but there are only " +
                                           std::to_string(experts.count) + " experts");
  }
}

void read_mixtral(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.kv_heads = 8, .context = 131072}, config);
  config.activation = read_activation(fields, "hidden_act", "silu");
  config.norm_eps = fields.number_or("rms_norm_eps", 1e-5, 0, 1);
  config.tied = fields.flag_or("tie_word_embeddings", false);
  config.rope = read_rope(fields, config.context, {.theta = 1e6});
  read_experts(fields, 8, 2, config);
  config.experts.intermediate = config.intermediate;
  config.experts.renormalised = true;
  const int64_t window = fields.count_or("sliding_window", 0, kMostPositions);
  set_windows(
      fields, window, [&](int64_t) { return window > 0; }, config);
}

// Every decoder_sparse_step-th layer has experts, but for those that mlp_only_layers lists.
void read_sparse_layers(const ConfigFields& fields, DecoderConfig& config) {
  const int64_t step = fields.size_or("decoder_sparse_step", 1, kMostLayers);
  const std::vector<double> dense = fields.numbers("mlp_only_layers", 0, kMostLayers);
  for (int64_t l = 0; l < config.layers; ++l) {
    bool is_sparse = (l + 1) % step == 0;
    for (const double layer : dense) is_sparse = is_sparse && static_cast<int64_t>(layer) != l;
    config.sparse.push_back(is_sparse ? 1 : 0);
  }
}

void read_qwen_moe(const ConfigFields& fields, DecoderConfig& config) {
  config.activation = read_activation(fields, "hidden_act", "silu");
  config.norm_eps = fields.number_or("rms_norm_eps", 1e-6, 0, 1);
  config.tied = fields.flag_or("tie_word_embeddings", false);
  config.rope = read_rope(fields, config.context);
  config.experts.renormalised = fields.flag_or("norm_topk_prob", false);
  read_sparse_layers(fields, config);
}

void read_qwen2_moe(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.intermediate = 5632, .kv_heads = 16, .context = 32768}, config);
  read_experts(fields, 60, 4, config);
  read_qwen_moe(fields, config);
  config.qkv_bias = fields.flag_or("qkv_bias", true);
  config.experts.intermediate = fields.size_or("moe_intermediate_size", 1408, kMostIntermediate);
  config.experts.shared_intermediate = fields.size_or("shared_expert_intermediate_size", 5632, kMostIntermediate);
  config.experts.shared_gate = true;
  const bool slides = fields.flag_or("use_sliding_window", false);
  const int64_t full = fields.count_or("max_window_layers", 28, kMostLayers);
  set_windows(
      fields, fields.count_or("sliding_window", 4096, kMostPositions),
      [&](int64_t l) { return slides && (l + 1) % 2 != 0 && l < full; }, config);
}

void read_qwen3_moe(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.intermediate = 6144, .kv_heads = 4, .context = 32768}, config);
  read_experts(fields, 128, 8, config);
  read_qwen_moe(fields, config);
  config.qkv_bias = config.output_bias = fields.flag_or("attention_bias", false);
  config.query_key_norm = QueryKeyNorm::kHead;
  config.experts.intermediate = fields.size_or("moe_intermediate_size", 768, kMostIntermediate);
  const bool slides = fields.flag_or("use_sliding_window", false);
  const int64_t window = fields.count_or("sliding_window", 4096, kMostPositions);
  config.windows.assign(static_cast<size_t>(config.layers), slides ? window : 0);
}

std::vector<TensorSpec> map_mixtral(const DecoderConfig& config) {
  TensorMap map(config);
  map.embedding({});
  map.all_layers({}, {.router = "block_sparse_moe.gate",
                      .experts = "block_sparse_moe.experts",
                      .expert_gate = "w1",
                      .expert_up = "w3",
                      .expert_down = "w2"});
  map.head({});
  return map.take();
}

std::vector<TensorSpec> map_qwen_moe(const DecoderConfig& config) {
  TensorMap map(config);
  map.embedding({});
  map.all_layers({}, {});
  map.head({});
  return map.take();
}

}  // namespace

std::vector<Family> expert_families() {
  return {{{"MixtralForCausalLM", "Mixtral", "experts"}, read_mixtral, map_mixtral},
          {{"Qwen2MoeForCausalLM", "Qwen1.5-MoE, Qwen2-MoE", "experts beside a shared block with a gate"},
           read_qwen2_moe,
           map_qwen_moe},
          {{"Qwen3MoeForCausalLM", "Qwen3-MoE", "experts, norms of queries and keys"}, read_qwen3_moe, map_qwen_moe}};
}

}  // namespace specula
