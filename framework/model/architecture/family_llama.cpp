// Llama 1 to 3, SmolLM, SmolLM3, Mistral, Qwen 2 to 3, OLMo 2: gated feed-forward blocks, RMSNorm, rotary embeddings.
#include "framework/model/architecture/family.h"
#include "framework/model/architecture/rope_config.h"

namespace specula {
namespace {

void read_usual(const ConfigFields& fields, const UsualSizes& sizes, double norm_eps, const RopeSource& rope,
                DecoderConfig& config) {
  read_sizes(fields, sizes, config);
  config.activation = read_activation(fields, "hidden_act", "silu");
  config.norm_eps = fields.number_or("rms_norm_eps", norm_eps, 0, 1);
  config.tied = fields.flag_or("tie_word_embeddings", false);
  config.rotary_dim = rotary_dim_of(fields, config.head_dim, read_rotary_share(fields, 1));
  config.rope = read_rope(fields, config.context, rope);
}

void read_llama(const ConfigFields& fields, DecoderConfig& config) {
  read_usual(fields, {}, 1e-6, {}, config);
  config.qkv_bias = config.output_bias = fields.flag_or("attention_bias", false);
  config.mlp_bias = fields.flag_or("mlp_bias", false);
}

// Some layers have no position at all (Yang et al. 2025, "Rope to Nope").
void read_smollm3(const ConfigFields& fields, DecoderConfig& config) {
  read_usual(fields, {.kv_heads = 4, .context = 32768}, 1e-6, {.theta = 2e6}, config);
  config.tied = fields.flag_or("tie_word_embeddings", true);
  config.qkv_bias = config.output_bias = fields.flag_or("attention_bias", false);
  config.mlp_bias = fields.flag_or("mlp_bias", false);
  const std::vector<double> turns = fields.numbers("no_rope_layers", 0, 1);  // 1: the layer turns
  if (!turns.empty() && static_cast<int64_t>(turns.size()) != config.layers)
    fields.fail("no_rope_layers", "must have an entry for each layer");
  const int64_t interval = fields.size_or("no_rope_layer_interval", 4, kMostLayers);
  for (int64_t l = 0; l < config.layers; ++l) {
    const bool is_turning = turns.empty() ? (l + 1) % interval != 0 : turns[static_cast<size_t>(l)] == 1;
    config.ropes.push_back(is_turning ? LayerRope::kMain : LayerRope::kNone);
  }
  const bool slides = fields.flag_or("use_sliding_window", false) && fields.has("sliding_window");
  set_windows(
      fields, fields.count_or("sliding_window", 0, kMostPositions),
      [&](int64_t l) { return slides && config.ropes[static_cast<size_t>(l)] == LayerRope::kNone; }, config);
}

void read_mistral(const ConfigFields& fields, DecoderConfig& config) {
  read_usual(fields, {.kv_heads = 8, .context = 131072}, 1e-6, {}, config);
  // Missing is not null: the first files have the window that they do not name.
  const int64_t window = fields.is_null("sliding_window") ? 0 : fields.count_or("sliding_window", 4096, kMostPositions);
  set_windows(
      fields, window, [&](int64_t) { return window > 0; }, config);
}

// The upper layers slide, where any do.
void read_qwen_windows(const ConfigFields& fields, DecoderConfig& config) {
  const bool slides = fields.flag_or("use_sliding_window", false);
  const int64_t full = fields.count_or("max_window_layers", 28, kMostLayers);
  set_windows(
      fields, fields.count_or("sliding_window", 4096, kMostPositions), [&](int64_t l) { return slides && l >= full; },
      config);
}

void read_qwen2(const ConfigFields& fields, DecoderConfig& config) {
  read_usual(fields, {.context = 32768}, 1e-6, {}, config);
  config.qkv_bias = true;
  read_qwen_windows(fields, config);
}

void read_qwen3(const ConfigFields& fields, DecoderConfig& config) {
  read_usual(fields, {.head_dim = 128, .context = 32768}, 1e-6, {}, config);
  config.qkv_bias = config.output_bias = fields.flag_or("attention_bias", false);
  config.query_key_norm = QueryKeyNorm::kHead;
  read_qwen_windows(fields, config);
}

void read_olmo2(const ConfigFields& fields, DecoderConfig& config) {
  read_usual(fields, {}, 1e-5, {}, config);
  config.qkv_bias = config.output_bias = fields.flag_or("attention_bias", false);
  config.query_key_norm = QueryKeyNorm::kAll;
  config.places = {.before = false, .after = true};
}

std::vector<TensorSpec> map_usual(const DecoderConfig& config) {
  TensorMap map(config);
  map.embedding({});
  map.all_layers({}, {});
  map.head({});
  return map.take();
}

std::vector<TensorSpec> map_olmo2(const DecoderConfig& config) {
  TensorMap map(config);
  map.embedding({});
  map.all_layers({},
                 {.attention_post_norm = "post_attention_layernorm", .mlp_post_norm = "post_feedforward_layernorm"});
  map.head({});
  return map.take();
}

}  // namespace

std::vector<Family> llama_families() {
  return {
      {{"LlamaForCausalLM", "Llama 1 to 3, TinyLlama, SmolLM, Yi", "RoPE linear, dynamic, yarn, longrope, llama3"},
       read_llama,
       map_usual},
      {{"MistralForCausalLM", "Mistral 7B to Nemo, Zephyr", "sliding window"}, read_mistral, map_usual},
      {{"Qwen2ForCausalLM", "Qwen2, Qwen2.5, QwQ", "biases of queries, keys and values; windows in the upper layers"},
       read_qwen2,
       map_usual},
      {{"Qwen3ForCausalLM", "Qwen3 (dense)", "norms of queries and keys"}, read_qwen3, map_usual},
      {{"SmolLM3ForCausalLM", "SmolLM3", "layers without positions"}, read_smollm3, map_usual},
      {{"Olmo2ForCausalLM", "OLMo 2", "norms behind the blocks, norms of all queries and keys"},
       read_olmo2,
       map_olmo2}};
}

}  // namespace specula
