// Phi-1 to Phi-4, StableLM, Starcoder2: heads that turn in part, fused or parallel blocks, LayerNorm.
#include "framework/model/architecture/family.h"
#include "framework/model/architecture/rope_config.h"

namespace specula {
namespace {

void read_phi3(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.context = 4096}, config);
  config.activation = read_activation(fields, "hidden_act", "silu");
  config.norm_eps = fields.number_or("rms_norm_eps", 1e-5, 0, 1);
  config.tied = fields.flag_or("tie_word_embeddings", false);
  config.rotary_dim = rotary_dim_of(fields, config.head_dim, read_rotary_share(fields, 1));
  config.rope = read_rope(fields, config.context, {.su_is_longrope = true});
  const int64_t window = fields.count_or("sliding_window", 0, kMostPositions);
  set_windows(
      fields, window, [&](int64_t) { return window > 0; }, config);
}

// Queries, keys and values are rows of one matrix, one after the other; so are gate and up.
std::vector<TensorSpec> map_phi3(const DecoderConfig& config) {
  TensorMap map(config);
  map.embedding({});
  const int64_t query = config.heads * config.head_dim, key = config.kv_heads * config.head_dim, hidden = config.hidden,
                wide = config.intermediate;
  for (int64_t l = 0; l < config.layers; ++l) {
    const std::string prefix = "model.layers." + std::to_string(l) + ".";
    const std::string qkv = prefix + "self_attn.qkv_proj", both = prefix + "mlp.gate_up_proj";
    const auto part = [&](const char* name, int64_t rows, const TensorMap::Slice& slice) {
      map.slice({TensorMap::layer_name(l, name), rows, hidden, false}, slice);
    };
    part("attention.q", query, {.stored = qkv, .stored_rows = query + 2 * key});
    part("attention.k", key, {.stored = qkv, .stored_rows = query + 2 * key, .first = query});
    part("attention.v", key, {.stored = qkv, .stored_rows = query + 2 * key, .first = query + key});
    part("mlp.gate", wide, {.stored = both, .stored_rows = 2 * wide});
    part("mlp.up", wide, {.stored = both, .stored_rows = 2 * wide, .first = wide});
    map.layer(l, prefix, {.q = "", .k = "", .v = "", .gate = "", .up = ""});
  }
  map.head({});
  return map.take();
}

void read_phi(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.context = 2048}, config);
  config.activation = read_activation(fields, "hidden_act", "gelu_new");
  config.norm = NormKind::kLayer;
  config.norm_bias = true;
  config.norm_eps = fields.number_or("layer_norm_eps", 1e-5, 0, 1);
  config.gated = false;
  config.qkv_bias = config.output_bias = config.mlp_bias = config.head_bias = true;
  config.places = {.before = true, .parallel = true, .shared = true};
  config.tied = fields.flag_or("tie_word_embeddings", false);
  if (config.tied) fields.fail("tie_word_embeddings", "is true, which is not supported here; valid: false");
  fields.require_flag("qk_layernorm", false, false);
  config.rotary_dim = rotary_dim_of(fields, config.head_dim, read_rotary_share(fields, 0.5));
  config.rope = read_rope(fields, config.context);
}

std::vector<TensorSpec> map_phi(const DecoderConfig& config) {
  TensorMap map(config);
  const EndNames ends{.final_norm = "model.final_layernorm"};
  map.embedding(ends);
  map.all_layers({}, {.output = "self_attn.dense", .up = "mlp.fc1", .down = "mlp.fc2"});
  map.head(ends);
  return map.take();
}

void read_stablelm(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.kv_heads = 32, .context = 4096}, config);
  config.activation = read_activation(fields, "hidden_act", "silu");
  config.norm = NormKind::kLayer;
  config.norm_bias = true;
  config.norm_eps = fields.number_or("layer_norm_eps", 1e-5, 0, 1);
  config.qkv_bias = fields.flag_or("use_qkv_bias", false);
  config.tied = fields.flag_or("tie_word_embeddings", false);
  fields.require_flag("qk_layernorm", false, false);
  if (fields.flag_or("use_parallel_residual", false))
    config.places = {.before = true, .parallel = true, .shared = true};
  config.rotary_dim = rotary_dim_of(fields, config.head_dim, read_rotary_share(fields, 0.25));
  config.rope = read_rope(fields, config.context);
}

void read_starcoder2(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.kv_heads = 2, .context = 4096}, config);
  config.activation = read_activation(fields, "hidden_act", "gelu_pytorch_tanh");
  config.norm = NormKind::kLayer;
  config.norm_bias = true;
  config.norm_eps = fields.number_or("norm_epsilon", 1e-5, 0, 1);
  config.gated = false;
  config.qkv_bias = config.output_bias = config.mlp_bias = fields.flag_or("use_bias", true);
  config.tied = fields.flag_or("tie_word_embeddings", true);
  config.rope = read_rope(fields, config.context);
  const int64_t window = fields.count_or("sliding_window", 0, kMostPositions);
  config.windows.assign(static_cast<size_t>(config.layers), window);
}

std::vector<TensorSpec> map_stablelm(const DecoderConfig& config) {
  TensorMap map(config);
  map.embedding({});
  map.all_layers({}, {});
  map.head({});
  return map.take();
}

std::vector<TensorSpec> map_starcoder2(const DecoderConfig& config) {
  TensorMap map(config);
  map.embedding({});
  map.all_layers({}, {.up = "mlp.c_fc", .down = "mlp.c_proj"});
  map.head({});
  return map.take();
}

}  // namespace

std::vector<Family> phi_families() {
  return {{{"PhiForCausalLM", "Phi-1, Phi-1.5, Phi-2", "parallel blocks of one LayerNorm, partial RoPE, biases"},
           read_phi,
           map_phi},
          {{"Phi3ForCausalLM", "Phi-3, Phi-3.5, Phi-4", "fused matrices, longrope, partial RoPE"}, read_phi3, map_phi3},
          {{"StableLmForCausalLM", "StableLM 3B, StableLM 2", "LayerNorm, partial RoPE, parallel blocks"},
           read_stablelm,
           map_stablelm},
          {{"Starcoder2ForCausalLM", "StarCoder2", "LayerNorm, biases, no gate, sliding window"},
           read_starcoder2,
           map_starcoder2}};
}

}  // namespace specula
