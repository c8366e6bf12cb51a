// Heads that are decoders, most of them of one layer: EAGLE and EAGLE-2, EAGLE-3, P-EAGLE, MTP modules, Kangaroo's
// adapter, the layer of Hydra++, DFlash.  Their files hold no more than what is theirs; embedding and output head are
// the target's where a file lacks them.
#include <cmath>

#include "framework/core/error.h"
#include "framework/model/architecture/family.h"
#include "framework/model/architecture/rope_config.h"

namespace specula {
namespace {

using Names = std::set<std::string>;

// What is read of every head: the sizes of Llama layers.
void read_layers(const ConfigFields& fields, DecoderConfig& config) {
  read_sizes(fields, {.layers = 1}, config);
  config.activation = read_activation(fields, "hidden_act", "silu");
  config.norm_eps = fields.number_or("rms_norm_eps", 1e-6, 0, 1);
  config.rope = read_rope(fields, config.context, {});
  config.state.target_hidden = config.hidden;
}

void read_layer(const ConfigFields& fields, DecoderConfig& config) {
  read_layers(fields, config);
  if (config.layers != 1)
    fields.fail("num_hidden_layers", cat("is ", config.layers, ", which heads of this kind do not have; valid: 1"));
}

// What drafts a part of the vocabulary has a tensor that says which, and a head of its own.
void read_drafted(const ConfigFields& fields, DecoderConfig& config) {
  StateConfig& state = config.state;
  const int64_t drafted = fields.size_or("draft_vocab_size", config.vocab, config.vocab);
  if (state.draft_vocab == 0 && drafted != config.vocab)
    fields.fail("draft_vocab_size", cat("is ", drafted, " of ", config.vocab, ", but the file has no tensor d2t"));
  state.draft_vocab = state.draft_vocab == 0 || drafted == config.vocab ? 0 : drafted;
  if (!state.own_output && state.draft_vocab != 0)
    fields.fail("draft_vocab_size", "is smaller than the vocabulary, but the file has no tensor lm_head.weight");
}

void look_at_ends(const Names& tensors, const std::string& prefix, DecoderConfig& config) {
  config.state.own_embedding = tensors.contains(prefix + "embed_tokens.weight");
  config.state.own_output = tensors.contains("lm_head.weight");
}

void map_ends(TensorMap& map, const EndNames& names) {
  if (map.config().state.own_embedding) map.embedding(names);
  if (map.config().state.own_output) {
    map.head(names);
  } else if (map.config().final_norm) {
    map.norm("final_norm", map.config().hidden, names.final_norm);
  }
}

// ---- EAGLE, EAGLE-2 ----

bool is_eagle(const Names& tensors) {
  return tensors.contains("fc.weight") && tensors.contains("layers.0.mlp.down_proj.weight") &&
         !tensors.contains("layers.0.hidden_norm.weight") && !tensors.contains("hidden_norm.weight");
}

void look_at_eagle(const Names& tensors, DecoderConfig& config) {
  look_at_ends(tensors, "", config);
  config.state = {.entry = StateEntry::kInput,
                  .kind = "eagle",
                  .bias = tensors.contains("fc.bias"),
                  .sites = {-1},
                  .own_embedding = config.state.own_embedding,
                  .own_output = config.state.own_output,
                  .stored_layer = "layers.0."};
  config.final_norm = false;
  config.qkv_bias = tensors.contains("layers.0.self_attn.q_proj.bias");
}

std::vector<TensorSpec> map_eagle(const DecoderConfig& config) {
  TensorMap map(config);
  map.matrix({"state_input", config.hidden, 2 * config.hidden, config.state.bias}, "fc");
  map_ends(map, {.embedding = "embed_tokens"});
  map.layer(0, config.state.stored_layer, {.attention_norm = ""});
  return map.take();
}

// ---- EAGLE-3 ----

bool is_eagle3(const Names& tensors) {
  return tensors.contains("fc.weight") &&
         (tensors.contains("midlayer.hidden_norm.weight") || tensors.contains("layers.0.hidden_norm.weight"));
}

void look_at_eagle3(const Names& tensors, DecoderConfig& config) {
  look_at_ends(tensors, "", config);
  config.state = {.entry = StateEntry::kAttention,
                  .kind = "eagle3",
                  .norms = true,
                  .own_embedding = config.state.own_embedding,
                  .own_output = config.state.own_output,
                  .draft_vocab = tensors.contains("d2t") ? 1 : 0,  // a file without d2t drafts every token
                  .stored_layer = tensors.contains("midlayer.hidden_norm.weight") ? "midlayer." : "layers.0."};
  config.qkv_bias = tensors.contains(config.state.stored_layer + "self_attn.q_proj.bias");
}

// The files of speculators keep the layer's sizes in an object of their own.
void read_eagle3(const ConfigFields& fields, DecoderConfig& config) {
  const ConfigFields layers =
      fields.has("transformer_layer_config") ? fields.object("transformer_layer_config") : fields;
  read_layers(layers, config);
  if (config.layers != 1 && config.state.stored_layer == "midlayer.")
    layers.fail("num_hidden_layers", cat("is ", config.layers, ", but the file has one layer, 'midlayer'; expected 1"));
  StateConfig& state = config.state;
  if (fields.flag_or("fc_norm", false)) state.join_norm = JoinNorm::kEach;
  if (fields.flag_or("norm_before_fc", false)) {
    if (state.join_norm == JoinNorm::kEach)
      fields.fail("norm_before_fc", "is true beside fc_norm; expected one of them");
    state.join_norm = JoinNorm::kAll;
  }
  state.keeps_norm = fields.flag_or("norm_before_residual", false);
  state.carries_normed = fields.flag_or("norm_output", false);
  state.target_hidden = fields.size_or("target_hidden_size", config.hidden, kMostHidden);
  for (const double site : fields.numbers("eagle_aux_hidden_state_layer_ids", 0, kMostLayers))
    state.sites.push_back(static_cast<int>(site));
  state.joined = state.target_hidden * (state.sites.empty() ? 3 : static_cast<int64_t>(state.sites.size()));
  read_drafted(fields, config);
}

std::vector<TensorSpec> map_eagle3(const DecoderConfig& config) {
  TensorMap map(config);
  const std::string& layer = config.state.stored_layer;
  const StateConfig& state = config.state;
  map.matrix({"state_join", config.hidden, state.joined, false}, "fc");
  if (state.join_norm == JoinNorm::kAll) map.norm("join_norm.0", state.joined, "input_norm");
  for (int64_t i = 0; state.join_norm == JoinNorm::kEach && i < state.joined / state.target_hidden; ++i)
    map.norm(cat("join_norm.", i), state.target_hidden, cat("fc_norm.", i));
  map.norm("state_norm", config.hidden, layer + "hidden_norm");
  map.norm("token_norm", config.hidden, layer + "input_layernorm");
  map_ends(map, {.embedding = "embed_tokens", .final_norm = "norm"});
  map.layer(0, layer, {.attention_norm = ""});
  for (int64_t i = 1; i < config.layers; ++i) map.layer(i, cat("layers.", i, "."), {});
  return map.take();
}

// ---- P-EAGLE ----

const char* const kMaskState = "mask_hidden";

bool is_peagle(const Names& tensors) { return is_eagle3(tensors) && tensors.contains(kMaskState); }

void look_at_peagle(const Names& tensors, DecoderConfig& config) {
  look_at_eagle3(tensors, config);
  config.state.kind = "peagle";
}

// Programs differ in how they spell the token of a mask, and most files do not say how deep the head was trained.
void read_peagle(const ConfigFields& fields, DecoderConfig& config) {
  constexpr int64_t kUsual = 8, kMost = 64;
  read_eagle3(fields, config);
  config.state.mask_token = -1;
  for (const char* name : {"ptd_token_id", "mask_token_id", "pard_token"}) {
    if (fields.has(name)) config.state.mask_token = fields.count_or(name, -1, config.vocab - 1);
  }
  if (config.state.mask_token < 0) fields.fail("ptd_token_id", "is missing; expected the token of a mask");
  config.state.named = fields.size_or(fields.has("num_depths") ? "num_depths" : "para_depths", kUsual, kMost);
}

std::vector<TensorSpec> map_peagle(const DecoderConfig& config) {
  std::vector<TensorSpec> all = map_eagle3(config);
  const int64_t joined = config.state.joined;
  all.push_back(
      {.name = "mask_state.weight", .shape = {1, joined}, .stored = kMaskState, .stored_shape = {1, 1, joined}});
  return all;
}

// ---- MTP ----

bool is_mtp(const Names& tensors) { return tensors.contains("mtp.fc.weight"); }

void look_at_mtp(const Names& tensors, DecoderConfig& config) {
  look_at_ends(tensors, "mtp.", config);
  config.state = {.entry = StateEntry::kInput,
                  .kind = "mtp",
                  .norms = true,
                  .sites = {-1},
                  .carries_normed = true,
                  .own_embedding = config.state.own_embedding,
                  .own_output = config.state.own_output,
                  .stored_layer = "mtp.layers.0."};
  config.qkv_bias = tensors.contains("mtp.layers.0.self_attn.q_proj.bias");
  config.query_key_norm =
      tensors.contains("mtp.layers.0.self_attn.q_norm.weight") ? QueryKeyNorm::kHead : QueryKeyNorm::kNone;
}

// Modules that stand in the file of a whole model are found by their names; their norms may be kept less one.
void read_mtp(const ConfigFields& fields, DecoderConfig& config) {
  if (fields.text_or("model_type", "") == "qwen3_next")
    fields.fail("model_type", "is 'qwen3_next', whose attention is not supported; valid: Llama-like layers");
  read_layer(fields, config);
}

std::vector<TensorSpec> map_mtp(const DecoderConfig& config) {
  TensorMap map(config);
  map.matrix({"state_input", config.hidden, 2 * config.hidden, false}, "mtp.fc");
  map.norm("token_norm", config.hidden, "mtp.pre_fc_norm_embedding");
  map.norm("state_norm", config.hidden, "mtp.pre_fc_norm_hidden");
  map_ends(map, {.embedding = "mtp.embed_tokens", .final_norm = "mtp.norm"});
  map.layer(0, config.state.stored_layer, {});
  return map.take();
}

// ---- Kangaroo ----

bool is_kangaroo(const Names& tensors) {
  return tensors.contains("layers.0.self_attn.q_proj.weight") && tensors.contains("norm.weight") &&
         !tensors.contains("layers.0.mlp.down_proj.weight") && !tensors.contains("embed_tokens.weight");
}

void look_at_kangaroo(const Names& tensors, DecoderConfig& config) {
  config.feeds = false;
  config.state = {.entry = StateEntry::kState,
                  .kind = "kangaroo",
                  .own_embedding = false,
                  .own_output = tensors.contains("lm_head.weight"),
                  .stored_layer = "layers.0."};
}

// The published files leave the layer to the command line; ours say it.
void read_kangaroo(const ConfigFields& fields, DecoderConfig& config) {
  read_layer(fields, config);
  config.state.sites = {static_cast<int>(fields.size_or("exitlayer", 2, kMostLayers))};
}

std::vector<TensorSpec> map_kangaroo(const DecoderConfig& config) {
  TensorMap map(config);
  map_ends(map, {.final_norm = "norm"});
  map.layer(0, config.state.stored_layer, {});
  return map.take();
}

// ---- DFlash ----

bool is_dflash(const Names& tensors) {
  return tensors.contains("fc.weight") && tensors.contains("hidden_norm.weight") &&
         tensors.contains("layers.0.self_attn.q_proj.weight");
}

void look_at_dflash(const Names& tensors, DecoderConfig& config) {
  look_at_ends(tensors, "", config);
  config.state.entry = StateEntry::kContext;
  config.state.kind = "block_diffusion";
  config.state.draft_vocab = tensors.contains("d2t") ? 1 : 0;
  config.qkv_bias = tensors.contains("layers.0.self_attn.q_proj.bias");
  if (tensors.contains("layers.0.self_attn.q_norm.weight")) config.query_key_norm = QueryKeyNorm::kHead;
}

// The layers whose outputs are read where the file does not say it: spread over 1 .. L - 3, the middle one for a single
// layer, as DFlash's own code has them.
std::vector<double> spread_layers(int64_t count, int64_t of_target) {
  const int64_t middle = of_target / 2;
  if (count == 1) return {static_cast<double>(middle)};
  std::vector<double> all;
  for (int64_t i = 0; i < count; ++i)
    all.push_back(std::nearbyint(1 + double(i) * double(of_target - 4) / double(count - 1)));
  return all;
}

// The states that the file names: outputs of layers in DFlash's own, inputs of layers in those of speculators.
void read_context_sites(const ConfigFields& fields, const ConfigFields& own, DecoderConfig& config) {
  std::vector<int>& sites = config.state.sites;
  for (const double site : fields.numbers("aux_hidden_state_layer_ids", 0, kMostLayers))
    sites.push_back(static_cast<int>(site));
  if (!sites.empty()) return;
  std::vector<double> layers = own.numbers("target_layer_ids", 0, kMostLayers);
  if (layers.empty()) layers = spread_layers(config.layers, fields.size("num_target_layers", kMostLayers));
  for (const double layer : layers) {
    if (layer < 0) fields.fail("num_target_layers", "is too small for the states that are read; expected at least 4");
    sites.push_back(static_cast<int>(layer) + 1);
  }
}

void read_dflash(const ConfigFields& fields, DecoderConfig& config) {
  const bool is_nested = fields.has("transformer_layer_config");  // the files of speculators
  const ConfigFields layers = is_nested ? fields.object("transformer_layer_config") : fields;
  const ConfigFields own = fields.has("dflash_config") ? fields.object("dflash_config") : fields;
  read_layers(layers, config);
  set_windows(
      layers, layers.count_or("sliding_window", 0, kMostPositions), [](int64_t) { return false; }, config);
  for (const char* flag : {"fc_layernorm", "sample_from_anchor"}) own.require_flag(flag, false, false);
  StateConfig& state = config.state;
  constexpr int64_t kMostBlock = 256;
  const ConfigFields& sizes = own.has("block_size") ? own : fields;
  state.named = sizes.size_or("block_size", is_nested ? 8 : 16, kMostBlock) - 1;
  if (state.named == 0) sizes.fail("block_size", "is 1; expected at least 2, a token and one to come");
  const ConfigFields& masks = own.has("mask_token_id") ? own : fields;
  state.mask_token = masks.count_or("mask_token_id", -1, config.vocab - 1);
  if (state.mask_token < 0) masks.fail("mask_token_id", "is missing; expected the token that stands for those to come");
  read_context_sites(fields, own, config);
  state.target_hidden = fields.size_or("target_hidden_size", config.hidden, kMostHidden);
  state.joined = state.target_hidden * static_cast<int64_t>(state.sites.size());
  read_drafted(fields, config);
}

std::vector<TensorSpec> map_dflash(const DecoderConfig& config) {
  TensorMap map(config);
  map.matrix({"state_join", config.hidden, config.state.joined, false}, "fc");
  map.norm("state_norm", config.hidden, "hidden_norm");
  map_ends(map, {.embedding = "embed_tokens", .final_norm = "norm"});
  for (int64_t layer = 0; layer < config.layers; ++layer) map.layer(layer, cat("layers.", layer, "."), {});
  return map.take();
}

// ---- Hydra++: the layer in front of its heads ----

const char* const kPrefix = "prefix_embeding_layer.";  // as the files spell it

bool is_hydra_prefix(const Names& tensors) {
  return tensors.contains(cat(kPrefix, "layers.0.self_attn.q_proj.weight"));
}

void look_at_hydra_prefix(const Names& tensors, DecoderConfig& config) {
  config.state = {.entry = StateEntry::kState,
                  .kind = "hydra",
                  .sites = {-1},
                  .own_embedding = false,
                  .own_output = false,
                  .stored_layer = cat(kPrefix, "layers.0.")};
  config.qkv_bias = tensors.contains(config.state.stored_layer + "self_attn.q_proj.bias");
}

std::vector<TensorSpec> map_hydra_prefix(const DecoderConfig& config) {
  TensorMap map(config);
  map_ends(map, {.final_norm = cat(kPrefix, "norm")});
  map.layer(0, config.state.stored_layer, {});
  return map.take();
}

}  // namespace

std::vector<HeadFamily> head_families() {
  return {
      {.family = {{"EagleHead", "EAGLE, EAGLE-2", "head: one layer on embedding and state"}, read_layer, map_eagle},
       .is_one = is_eagle,
       .look = look_at_eagle},
      {.family = {{"PEagleHead", "P-EAGLE", "head: EAGLE-3's, of which one pass names all tokens of a round"},
                  read_peagle,
                  map_peagle,
                  {""},
                  {"d2t", "t2d"}},
       .is_one = is_peagle,
       .look = look_at_peagle},
      {.family = {{"Eagle3Head", "EAGLE-3, EAGLE-3.1",
                   "head: three states of the target; may draft a part of the vocabulary"},
                  read_eagle3,
                  map_eagle3,
                  {""},
                  {"d2t", "t2d"}},
       .is_one = is_eagle3,
       .look = look_at_eagle3},
      {.family = {{"MtpHead", "MTP modules", "head: one layer on normalised embedding and state"}, read_mtp, map_mtp},
       .is_one = is_mtp,
       .look = look_at_mtp},
      {.family = {{"KangarooHead", "Kangaroo", "head: one attention layer on the target's early states"},
                  read_kangaroo,
                  map_kangaroo},
       .is_one = is_kangaroo,
       .look = look_at_kangaroo},
      {.family = {{"DFlashDraftModel", "DFlash", "head: layers over joined states and a block of tokens to come"},
                  read_dflash,
                  map_dflash,
                  {""},
                  {"d2t", "t2d", "verifier_norm.", "verifier_lm_head."}},
       .is_one = is_dflash,
       .look = look_at_dflash},
      {.family = {{"HydraPrefix", "Hydra++", "head: one layer on the last states, in front of Hydra's heads"},
                  read_layer,
                  map_hydra_prefix,
                  {""},
                  {"hydra_mlp.", "hydra_lm_head."}},
       .is_one = is_hydra_prefix,
       .look = look_at_hydra_prefix}};
}

}  // namespace specula
