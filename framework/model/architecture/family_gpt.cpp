// GPT-2, GPT-NeoX (Pythia), OPT, Falcon: LayerNorm, plain feed-forward blocks, fused queries, keys and values.
#include "framework/model/architecture/family.h"
#include "framework/model/architecture/rope_config.h"

namespace specula {
namespace {

void use_layer_norm(double eps, DecoderConfig& config) {
  config.norm = NormKind::kLayer;
  config.norm_bias = true;
  config.norm_eps = eps;
  config.gated = false;
}

void bias_everything(bool bias, DecoderConfig& config) {
  config.qkv_bias = config.output_bias = config.mlp_bias = bias;
}

void read_gpt2(const ConfigFields& fields, DecoderConfig& config) {
  config.vocab = fields.size_or("vocab_size", 50257, kMostVocab);
  config.hidden = fields.size_or("n_embd", 768, kMostHidden);
  config.layers = fields.size_or("n_layer", 12, kMostLayers);
  config.heads = config.kv_heads = fields.size_or("n_head", 12, kMostHeads);
  if (config.hidden % config.heads != 0) fields.fail("n_head", "must divide n_embd");
  config.head_dim = config.hidden / config.heads;
  config.intermediate = fields.size_or("n_inner", 4 * config.hidden, kMostIntermediate);
  config.context = config.learned_positions = fields.size_or("n_positions", 1024, kMostPositions);
  config.rotary_dim = 0;
  use_layer_norm(fields.number_or("layer_norm_epsilon", 1e-5, 0, 1), config);
  bias_everything(true, config);
  config.activation = read_activation(fields, "activation_function", "gelu_new");
  config.tied = fields.flag_or("tie_word_embeddings", true);
  fields.require_flag("add_cross_attention", false, false);
  if (!fields.flag_or("scale_attn_weights", true)) config.attention_scale = 1;
  config.scale_by_layer = fields.flag_or("scale_attn_by_inverse_layer_idx", false);
}

// Matrices are kept as [inputs,outputs], queries, keys and values side by side.
std::vector<TensorSpec> map_gpt2(const DecoderConfig& config) {
  TensorMap map(config);
  const EndNames ends{.embedding = "transformer.wte", .final_norm = "transformer.ln_f"};
  map.embedding(ends);
  const int64_t hidden = config.hidden, wide = config.intermediate;
  map.table("positions", config.learned_positions, hidden, "transformer.wpe");
  for (int64_t l = 0; l < config.layers; ++l) {
    const std::string prefix = "transformer.h." + std::to_string(l) + ".";
    const auto part = [&](const char* name, int64_t outputs, int64_t inputs, const TensorMap::Slice& slice) {
      map.columns({TensorMap::layer_name(l, name), outputs, inputs, true}, slice);
    };
    const std::string qkv = prefix + "attn.c_attn";
    part("attention.q", hidden, hidden, {.stored = qkv, .stored_rows = 3 * hidden});
    part("attention.k", hidden, hidden, {.stored = qkv, .stored_rows = 3 * hidden, .first = hidden});
    part("attention.v", hidden, hidden, {.stored = qkv, .stored_rows = 3 * hidden, .first = 2 * hidden});
    part("attention.output", hidden, hidden, {.stored = prefix + "attn.c_proj", .stored_rows = hidden});
    part("mlp.up", wide, hidden, {.stored = prefix + "mlp.c_fc", .stored_rows = wide});
    part("mlp.down", hidden, wide, {.stored = prefix + "mlp.c_proj", .stored_rows = hidden});
    map.layer(
        l, prefix,
        {.attention_norm = "ln_1", .q = "", .k = "", .v = "", .output = "", .mlp_norm = "ln_2", .up = "", .down = ""});
  }
  map.head(ends);
  return map.take();
}

void read_neox(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.context = 2048}, config);
  config.kv_heads = config.heads;
  use_layer_norm(fields.number_or("layer_norm_eps", 1e-5, 0, 1), config);
  config.mlp_bias = true;
  config.qkv_bias = config.output_bias = fields.flag_or("attention_bias", true);
  config.activation = read_activation(fields, "hidden_act", "gelu");
  config.tied = fields.flag_or("tie_word_embeddings", false);
  config.places.parallel = fields.flag_or("use_parallel_residual", true);
  config.rotary_dim = rotary_dim_of(fields, config.head_dim, read_rotary_share(fields, 0.25, "rotary_pct"));
  config.rope = read_rope(fields, config.context, {.theta_field = "rotary_emb_base"});
}

// Each head's query, key and value are neighbours.
std::vector<TensorSpec> map_neox(const DecoderConfig& config) {
  TensorMap map(config);
  const EndNames ends{.embedding = "gpt_neox.embed_in", .final_norm = "gpt_neox.final_layer_norm", .head = "embed_out"};
  map.embedding(ends);
  const int64_t d = config.head_dim, rows = config.heads * d;
  for (int64_t l = 0; l < config.layers; ++l) {
    const std::string prefix = "gpt_neox.layers." + std::to_string(l) + ".";
    int64_t first = 0;
    for (const char* name : {"attention.q", "attention.k", "attention.v"}) {
      map.slice({TensorMap::layer_name(l, name), rows, config.hidden, config.qkv_bias},
                {.stored = prefix + "attention.query_key_value",
                 .stored_rows = 3 * rows,
                 .first = first,
                 .block = d,
                 .stride = 3 * d});
      first += d;
    }
    map.layer(l, prefix,
              {.q = "",
               .k = "",
               .v = "",
               .output = "attention.dense",
               .up = "mlp.dense_h_to_4h",
               .down = "mlp.dense_4h_to_h"});
  }
  map.head(ends);
  return map.take();
}

void read_opt(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.context = 2048, .intermediate_field = "ffn_dim"}, config);
  config.kv_heads = config.heads;
  config.rotary_dim = 0;
  use_layer_norm(1e-5, config);
  fields.require_flag("layer_norm_elementwise_affine", true, true);
  bias_everything(fields.flag_or("enable_bias", true), config);
  config.activation = read_activation(fields, "activation_function", "relu");
  config.tied = fields.flag_or("tie_word_embeddings", true);
  config.learned_positions = config.context + 2;  // the first two rows were for padding
  config.position_offset = 2;
  const bool before = fields.flag_or("do_layer_norm_before", true);
  config.places = {.before = before, .sum = !before};
  config.final_norm = before && !fields.flag_or("_remove_final_layer_norm", false);
  const int64_t embedded = fields.size_or("word_embed_proj_dim", config.hidden, kMostHidden);
  if (embedded != config.hidden) config.embedding_dim = embedded;
}

std::vector<TensorSpec> map_opt(const DecoderConfig& config) {
  TensorMap map(config);
  const EndNames ends{.embedding = "model.decoder.embed_tokens",
                      .final_norm = "model.decoder.final_layer_norm",
                      .layers = "model.decoder.layers"};
  map.embedding(ends);
  map.table("positions", config.learned_positions, config.hidden, "model.decoder.embed_positions");
  if (config.is_projected()) {
    map.table("embedding_in", config.hidden, config.embedding_dim, "model.decoder.project_in");
    map.table("embedding_out", config.embedding_dim, config.hidden, "model.decoder.project_out");
  }
  map.all_layers(ends, {.attention_norm = "self_attn_layer_norm",
                        .attention_post_norm = "self_attn_layer_norm",
                        .output = "self_attn.out_proj",
                        .mlp_norm = "final_layer_norm",
                        .mlp_post_norm = "final_layer_norm",
                        .up = "fc1",
                        .down = "fc2"});
  map.head(ends);
  return map.take();
}

void read_falcon(const ConfigFields& fields, DecoderConfig& config) {
  fields.require_flag("alibi", false, false);
  const int64_t hidden = fields.size_or("n_embed", 4544, kMostHidden);
  const bool is_new = fields.flag_or("new_decoder_architecture", false);
  const bool is_multi_query = !is_new && fields.flag_or("multi_query", true);
  config.vocab = fields.size_or("vocab_size", 65024, kMostVocab);
  config.hidden = fields.size_or("hidden_size", hidden, kMostHidden);
  config.layers = fields.size_or("num_hidden_layers", fields.size_or("n_layer", 32, kMostLayers), kMostLayers);
  config.heads = fields.size_or("num_attention_heads", fields.size_or("n_head", 71, kMostHeads), kMostHeads);
  if (config.hidden % config.heads != 0) fields.fail("num_attention_heads", "must divide hidden_size");
  config.kv_heads =
      is_multi_query ? 1
      : is_new       ? fields.size_or("num_kv_heads", fields.size_or("n_head_kv", config.heads, kMostHeads), kMostHeads)
                     : config.heads;
  if (config.heads % config.kv_heads != 0) fields.fail("num_kv_heads", "must divide num_attention_heads");
  config.head_dim = config.hidden / config.heads;
  config.intermediate = fields.size_or("ffn_hidden_size", 4 * config.hidden, kMostIntermediate);
  config.context = fields.size_or("max_position_embeddings", 2048, kMostPositions);
  use_layer_norm(fields.number_or("layer_norm_epsilon", 1e-5, 0, 1), config);
  bias_everything(fields.flag_or("bias", false), config);
  config.activation = read_activation(fields, "activation", "gelu");
  config.tied = fields.flag_or("tie_word_embeddings", true);
  const bool is_parallel = is_new || fields.flag_or("parallel_attn", true);
  const bool has_two = is_new && fields.count_or("num_ln_in_parallel_attn", 2, 2) == 2;
  config.places = {.before = true, .parallel = is_parallel, .shared = is_parallel && !has_two};
  config.rotary_dim = rotary_dim_of(fields, config.head_dim, 1);
  config.rope = read_rope(fields, config.context);
}

// The queries that share a key, then that key, then its value: one group of multi-query models, one for each key head
// of the others.
std::vector<TensorSpec> map_falcon(const DecoderConfig& config) {
  TensorMap map(config);
  const EndNames ends{.embedding = "transformer.word_embeddings", .final_norm = "transformer.ln_f"};
  map.embedding(ends);
  const int64_t d = config.head_dim, group = config.heads / config.kv_heads, stride = (group + 2) * d;
  const bool has_two = config.places.parallel && !config.places.shared;
  for (int64_t l = 0; l < config.layers; ++l) {
    const std::string prefix = "transformer.h." + std::to_string(l) + ".";
    const auto part = [&](const char* name, int64_t heads, int64_t first, int64_t block) {
      map.slice({TensorMap::layer_name(l, name), heads * d, config.hidden, config.qkv_bias},
                {.stored = prefix + "self_attention.query_key_value",
                 .stored_rows = config.kv_heads * stride,
                 .first = first,
                 .block = block,
                 .stride = stride});
    };
    part("attention.q", config.heads, 0, group * d);
    part("attention.k", config.kv_heads, group * d, d);
    part("attention.v", config.kv_heads, (group + 1) * d, d);
    map.layer(l, prefix,
              {.attention_norm = has_two ? "ln_attn" : "input_layernorm",
               .q = "",
               .k = "",
               .v = "",
               .output = "self_attention.dense",
               .mlp_norm = has_two ? "ln_mlp" : "post_attention_layernorm",
               .up = "mlp.dense_h_to_4h",
               .down = "mlp.dense_4h_to_h"});
  }
  map.head(ends);
  return map.take();
}

}  // namespace

std::vector<Family> gpt_families() {
  return {{.architecture = {"GPT2LMHeadModel", "GPT-2, DistilGPT-2",
                            "learned positions, LayerNorm, matrices kept turned around"},
           .read = read_gpt2,
           .map = map_gpt2,
           .prefixes = {"transformer.", ""},
           .ignored = {"transformer.h.*.attn.bias", "transformer.h.*.attn.masked_bias"}},
          {.architecture = {"GPTNeoXForCausalLM", "GPT-NeoX, Pythia",
                            "parallel blocks, partial RoPE, fused queries, keys and values"},
           .read = read_neox,
           .map = map_neox,
           .ignored = {"gpt_neox.layers.*.attention.bias", "gpt_neox.layers.*.attention.masked_bias"}},
          {.architecture = {"OPTForCausalLM", "OPT 125M to 66B",
                            "learned positions, ReLU; 350M: projected embeddings, norms of the sums"},
           .read = read_opt,
           .map = map_opt,
           .prefixes = {"model.decoder.", "decoder."}},
          {{"FalconForCausalLM", "Falcon 7B, 40B, 180B", "multi-query, parallel blocks (no alibi)"},
           read_falcon,
           map_falcon}};
}

}  // namespace specula
