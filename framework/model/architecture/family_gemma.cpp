// Gemma 1 to 3: embeddings times sqrt(hidden), norms that are kept less one, GeGLU; from Gemma 2 on norms on both sides
// of a block and layers that slide in turn; soft caps in Gemma 2, norms of queries and keys in Gemma 3.  Of Gemma 3's
// models with images the text part is read.
#include <cmath>

#include "framework/model/architecture/family.h"
#include "framework/model/architecture/rope_config.h"

namespace specula {
namespace {

void read_gemma(const ConfigFields& fields, const UsualSizes& sizes, DecoderConfig& config) {
  read_sizes(fields, sizes, config);
  config.norm_eps = fields.number_or("rms_norm_eps", 1e-6, 0, 1);
  config.tied = fields.flag_or("tie_word_embeddings", true);
  config.qkv_bias = config.output_bias = fields.flag_or("attention_bias", false);
  config.embedding_scale = std::sqrt(double(config.hidden));
  config.rotary_dim = rotary_dim_of(fields, config.head_dim, 1);
  if (fields.flag_or("use_bidirectional_attention", false))
    fields.fail("use_bidirectional_attention", "is true, which is not supported; valid: false");
}

void read_gemma1(const ConfigFields& fields, DecoderConfig& config) {
  read_gemma(fields, {.vocab = 256000, .kv_heads = 16, .head_dim = 256, .context = 8192}, config);
  // The first files say "gelu" and mean its approximation.
  const std::string act = fields.text_or("hidden_activation", fields.text_or("hidden_act", "gelu_pytorch_tanh"));
  config.activation = act == "gelu" ? Activation::kGeluTanh : read_activation(fields, "hidden_act", act);
  config.rope = read_rope(fields, config.context);
}

void read_sandwich(const ConfigFields& fields, DecoderConfig& config) {
  config.activation = read_activation(fields, "hidden_activation", "gelu_pytorch_tanh");
  config.places = {.before = true, .after = true};
  config.attention_scale = 1 / std::sqrt(fields.number_or("query_pre_attn_scalar", 256, 1e-6, 1e9));
}

void read_gemma2(const ConfigFields& fields, DecoderConfig& config) {
  read_gemma(fields, {.vocab = 256000, .kv_heads = 4, .head_dim = 256, .context = 8192}, config);
  read_sandwich(fields, config);
  config.rope = read_rope(fields, config.context);
  config.attention_softcap =
      fields.is_null("attn_logit_softcapping") ? 0 : fields.number_or("attn_logit_softcapping", 50, 1e-3, 1e6);
  config.logits_softcap =
      fields.is_null("final_logit_softcapping") ? 0 : fields.number_or("final_logit_softcapping", 30, 1e-3, 1e6);
  set_windows(
      fields, fields.count_or("sliding_window", 4096, kMostPositions), [](int64_t l) { return l % 2 == 0; }, config);
}

void read_gemma3(const ConfigFields& fields, DecoderConfig& config) {
  read_gemma(fields,
             {.vocab = 262208,
              .hidden = 2304,
              .intermediate = 9216,
              .layers = 26,
              .heads = 8,
              .kv_heads = 4,
              .head_dim = 256,
              .context = 131072},
             config);
  read_sandwich(fields, config);
  config.query_key_norm = QueryKeyNorm::kHead;
  config.attention_softcap = fields.number_or("attn_logit_softcapping", 0, 0, 1e6);
  config.logits_softcap = fields.number_or("final_logit_softcapping", 0, 0, 1e6);
  const int64_t pattern = fields.size_or("sliding_window_pattern", 6, kMostLayers);
  set_windows(
      fields, fields.count_or("sliding_window", 4096, kMostPositions),
      [&](int64_t l) { return (l + 1) % pattern != 0; }, config);
  config.rope = read_rope(fields, config.context, {.theta = 1e6, .layer_type = "full_attention"});
  // Scaling is of the layers that see everything.
  config.local_rope.theta = fields.number_or("rope_local_base_freq", 1e4, 1e-3, 1e12);
  if (fields.has("rope_parameters") && fields.object("rope_parameters").has("sliding_attention"))
    config.local_rope = read_rope(fields, config.context, {.theta = 1e4, .layer_type = "sliding_attention"});
  for (const int64_t window : config.windows) config.ropes.push_back(window > 0 ? LayerRope::kLocal : LayerRope::kMain);
}

void read_gemma3_text(const ConfigFields& fields, DecoderConfig& config) {
  read_gemma3(fields.object("text_config"), config);
}

std::vector<TensorSpec> map_gemma1(const DecoderConfig& config) {
  TensorMap map(config, 1);
  map.embedding({});
  map.all_layers({}, {});
  map.head({});
  return map.take();
}

std::vector<TensorSpec> map_sandwich(const DecoderConfig& config) {
  TensorMap map(config, 1);
  map.embedding({});
  map.all_layers({}, {.attention_post_norm = "post_attention_layernorm",
                      .mlp_norm = "pre_feedforward_layernorm",
                      .mlp_post_norm = "post_feedforward_layernorm"});
  map.head({});
  return map.take();
}

}  // namespace

std::vector<Family> gemma_families() {
  return {
      {{"GemmaForCausalLM", "Gemma, CodeGemma", "scaled embeddings, norms kept less one, GeGLU"},
       read_gemma1,
       map_gemma1},
      {{"Gemma2ForCausalLM", "Gemma 2", "norms on both sides, soft caps, windows in turn"}, read_gemma2, map_sandwich},
      {{"Gemma3ForCausalLM", "Gemma 3 (text)",
        "norms of queries and keys, five windows to one full layer with a RoPE of its own"},
       read_gemma3,
       map_sandwich},
      {.architecture = {"Gemma3ForConditionalGeneration", "Gemma 3 (with images)",
                        "its text part; image weights are passed over"},
       .read = read_gemma3_text,
       .map = map_sandwich,
       .prefixes = {"model.", "language_model.model.", "model.language_model."},
       .ignored = {"vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector.",
                   "language_model.lm_head."}}};
}

}  // namespace specula
