#include "framework/model/architecture/decoder_config.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/json_depth.h"
#include "framework/model/architecture/family.h"
#include "framework/model/architecture/rope_config.h"

namespace specula {
namespace {

using Json = nlohmann::json;

const std::vector<Family>& families() {
  static const std::vector<Family> kAll = [] {
    std::vector<Family> all;
    for (const auto& list : {llama_families(), expert_families(), gemma_families(), phi_families(), gpt_families()})
      all.insert(all.end(), list.begin(), list.end());
    return all;
  }();
  return kAll;
}

const std::vector<HeadFamily>& all_head_families() {
  static const std::vector<HeadFamily> kAll = head_families();
  return kAll;
}

const HeadFamily* find_head(const std::set<std::string>& tensors) {
  const auto& all = all_head_families();
  const auto found = std::find_if(all.begin(), all.end(), [&](const HeadFamily& head) { return head.is_one(tensors); });
  return found == all.end() ? nullptr : &*found;
}

const Family* find_family(const std::string& architecture) {
  const auto found = std::find_if(families().begin(), families().end(),
                                  [&](const Family& family) { return family.architecture.name == architecture; });
  return found == families().end() ? nullptr : &*found;
}

const Family& family_of(const DecoderConfig& config) {
  for (const HeadFamily& head : all_head_families()) {
    if (head.family.architecture.name == config.architecture) return head.family;
  }
  const Family* family = find_family(config.architecture);
  SPECULA_CHECK(family != nullptr, "architecture ", config.architecture);
  return *family;
}

const Family& read_architecture(const ConfigFields& fields) {
  const std::vector<std::string> names = fields.texts("architectures");
  if (names.size() != 1)
    fields.fail("architectures", cat("must be a list of one name; valid: ", join(known_architectures())));
  const Family* family = find_family(names.front());
  if (family == nullptr) {
    const std::string model = fields.text_or("model_type", "");
    fields.fail("architectures",
                cat("names '", names.front(), "'", model.empty() ? "" : cat(" (model_type '", model, "')"),
                    ", which is not supported", suggestion(names.front(), known_architectures()),
                    "; valid: ", join(known_architectures())));
  }
  return *family;
}

// Other quantized checkpoints (bitsandbytes, FP8, ...) are refused by their name.
void read_integers(const ConfigFields& outer, DecoderConfig& config) {
  if (!outer.has("quantization_config")) return;
  const ConfigFields fields = outer.object("quantization_config");
  const std::string method = fields.text_or("quant_method", "");
  const int64_t bits = fields.count_or("bits", fields.count_or("w_bit", 4, 64), 64);
  if (method != "gptq" && method != "awq")
    fields.fail("quant_method", cat("is '", method, "', which is not supported; valid: gptq, awq (4 bits)"));
  if (bits != 4) fields.fail("bits", cat("is ", bits, ", which is not supported; valid: 4"));
  if (method == "awq") {
    const std::string version = fields.text_or("version", "gemm");
    if (version != "gemm" && version != "GEMM")
      fields.fail("version", cat("is '", version, "', which is not supported; valid: gemm"));
    config.integers = StoredIntegers::kAwq;
  } else {
    const std::string format = fields.text_or("checkpoint_format", "gptq");
    if (format != "gptq" && format != "gptq_v2")
      fields.fail("checkpoint_format", cat("is '", format, "', which is not supported; valid: gptq, gptq_v2"));
    config.integers = format == "gptq" ? StoredIntegers::kGptq : StoredIntegers::kGptq2;
  }
  const double group = fields.number_or("group_size", fields.number_or("q_group_size", 128, -1, 1 << 20), -1, 1 << 20);
  config.integer_group = group <= 0 ? 0 : static_cast<int64_t>(group);
}

// What every family must keep to, however it was read.
void check_config(const ConfigFields& fields, const DecoderConfig& config) {
  constexpr int64_t kMostExpertBlocks = 65536;  // of all layers
  if (config.experts.count * config.layers > kMostExpertBlocks)
    fields.fail("num_hidden_layers",
                cat("is ", config.layers, "; with ", config.experts.count, " experts each that is more than the ",
                    kMostExpertBlocks, " blocks that are read"));
  const int64_t turning = config.turning();
  if (turning % 2 != 0) fields.fail("head_dim", cat("is ", config.head_dim, "; rotary embeddings need an even size"));
  for (const Rope* rope : {&config.rope, &config.local_rope}) {
    if (rope->type == RopeType::kDynamic && turning <= 2)
      fields.fail("rope_scaling", "of type 'dynamic' needs heads of more than 2 dimensions that turn");
    if (rope->type != RopeType::kLongRope) continue;
    for (const auto* factors : {&rope->short_factor, &rope->long_factor}) {
      if (static_cast<int64_t>(factors->size()) != turning / 2) {
        fields.fail("rope_scaling", cat("has short_factor or long_factor of ", factors->size(), " numbers; expected ",
                                        turning / 2, ", half of the dimensions that turn"));
      }
    }
  }
}

bool begins_with_pattern(const std::string& text, const std::string& pattern) {
  const size_t star = pattern.find('*');
  if (star == std::string::npos) return text.starts_with(pattern);
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const size_t digits = text.find_first_not_of("0123456789", star);
  return digits != std::string::npos && text.substr(digits) == pattern.substr(star + 1);
}

}  // namespace

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const Family& family : families()) names.push_back(family.architecture.name);
  return names;
}

std::vector<Architecture> list_architectures() {
  std::vector<Architecture> all;
  for (const Family& family : families()) all.push_back(family.architecture);
  for (const HeadFamily& head : all_head_families()) all.push_back(head.family.architecture);
  return all;
}

LayerRope DecoderConfig::rope_of(int64_t layer) const {
  if (turning() == 0) return LayerRope::kNone;
  return ropes.empty() ? LayerRope::kMain : ropes[static_cast<size_t>(layer)];
}

double DecoderConfig::scale_of(int64_t layer) const {
  const double scale = attention_scale == 0 ? 1 / std::sqrt(double(head_dim)) : attention_scale;
  return scale_by_layer ? scale / double(layer + 1) : scale;
}

DecoderConfig parse_decoder_config(const std::string& json_text, const std::string& place,
                                   const std::set<std::string>& tensors) {
  check_json_depth(json_text, place);
  Json json;
  try {
    json = Json::parse(json_text);
  } catch (const Json::exception& error) {
    throw Error(cat(place, ": not valid JSON: ", error.what()));
  }
  if (!json.is_object()) throw Error(cat(place, ": expected a JSON object"));
  const ConfigFields fields(json, place);
  const HeadFamily* head = find_head(tensors);
  const Family& family = head != nullptr ? head->family : read_architecture(fields);
  DecoderConfig config;
  if (head != nullptr) head->look(tensors, config);
  config.architecture = family.architecture.name;
  read_integers(fields, config);
  family.read(fields, config);
  check_config(fields, config);
  return config;
}

void read_sizes(const ConfigFields& fields, const UsualSizes& usual, DecoderConfig& config) {
  const auto size = [&](const std::string& field, int64_t otherwise, int64_t most) {
    return otherwise == 0 ? fields.size(field, most) : fields.size_or(field, otherwise, most);
  };
  config.vocab = size("vocab_size", usual.vocab, kMostVocab);
  config.hidden = size("hidden_size", usual.hidden, kMostHidden);
  config.intermediate = size(usual.intermediate_field, usual.intermediate, kMostIntermediate);
  config.layers = size("num_hidden_layers", usual.layers, kMostLayers);
  config.heads = size("num_attention_heads", usual.heads, kMostHeads);
  // Null is as many as there are heads; a missing field is what the architecture's first models had.
  const bool is_null = fields.is_null("num_key_value_heads") || usual.kv_heads == 0;
  config.kv_heads = fields.size_or("num_key_value_heads", is_null ? config.heads : usual.kv_heads, kMostHeads);
  if (config.heads % config.kv_heads != 0) {
    fields.fail("num_key_value_heads",
                cat("is ", config.kv_heads, "; it must divide num_attention_heads, ", config.heads));
  }
  if (!fields.has("head_dim") && usual.head_dim == 0 && config.hidden % config.heads != 0) {
    fields.fail("num_attention_heads",
                cat("is ", config.heads, "; without head_dim it must divide hidden_size, ", config.hidden));
  }
  config.head_dim =
      fields.size_or("head_dim", usual.head_dim == 0 ? config.hidden / config.heads : usual.head_dim, kMostHeadDim);
  config.context = fields.size_or("max_position_embeddings", usual.context, kMostPositions);
}

Activation read_activation(const ConfigFields& fields, const std::string& field, const std::string& otherwise) {
  static const std::vector<std::pair<std::string, Activation>> kNames = {{"silu", Activation::kSilu},
                                                                         {"swish", Activation::kSilu},
                                                                         {"gelu", Activation::kGelu},
                                                                         {"gelu_new", Activation::kGeluTanh},
                                                                         {"gelu_pytorch_tanh", Activation::kGeluTanh},
                                                                         {"gelu_fast", Activation::kGeluTanh},
                                                                         {"relu", Activation::kRelu}};
  const std::string name = fields.text_or(field, otherwise);
  std::vector<std::string> valid;
  for (const auto& [known, activation] : kNames) {
    if (known == name) return activation;
    valid.push_back(known);
  }
  fields.fail(field, cat("is '", name, "', which is not supported; valid: ", join(valid)));
}

std::vector<TensorSpec> expected_tensors(const DecoderConfig& config) { return family_of(config).map(config); }

std::vector<std::string> name_prefixes(const DecoderConfig& config) { return family_of(config).prefixes; }

bool is_ignored_tensor(const DecoderConfig& config, const std::string& stored) {
  if (stored.ends_with(".rotary_emb.inv_freq")) return true;           // follows from the config
  if (config.tied && stored.ends_with("lm_head.weight")) return true;  // a copy of the embedding
  const std::vector<std::string>& ignored = family_of(config).ignored;
  return std::any_of(ignored.begin(), ignored.end(),
                     [&](const std::string& p) { return begins_with_pattern(stored, p); });
}

std::string to_json(const DecoderConfig& config, const std::string& dtype) {
  SPECULA_CHECK(config.architecture == "LlamaForCausalLM", "no writer for ", config.architecture);
  const Json json = {{"architectures", {config.architecture}},
                     {"model_type", "llama"},
                     {"dtype", dtype},
                     {"vocab_size", config.vocab},
                     {"hidden_size", config.hidden},
                     {"intermediate_size", config.intermediate},
                     {"num_hidden_layers", config.layers},
                     {"num_attention_heads", config.heads},
                     {"num_key_value_heads", config.kv_heads},
                     {"head_dim", config.head_dim},
                     {"max_position_embeddings", config.context},
                     {"rms_norm_eps", config.norm_eps},
                     {"hidden_act", "silu"},
                     {"attention_bias", config.qkv_bias},
                     {"mlp_bias", config.mlp_bias},
                     {"tie_word_embeddings", config.tied},
                     {"rope_parameters", rope_json(config.rope)}};
  return json.dump(2) + "\n";
}

}  // namespace specula
