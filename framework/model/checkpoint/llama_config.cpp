#include "framework/model/checkpoint/llama_config.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::json;

const std::vector<std::string> kArchitectures = {"LlamaForCausalLM"};
const std::vector<std::string> kRopeTypes = {"default", "linear", "llama3"};

// Reads fields of one JSON object and words their errors.
class Fields {
 public:
  Fields(const Json& object, std::string place) : object_(object), place_(std::move(place)) {}

  [[noreturn]] void fail(const std::string& field, const std::string& what) const {
    throw Error(cat(place_, ": field '", field, "' ", what));
  }
  const Json* find(const char* field) const {
    const auto found = object_.find(field);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  int64_t size(const char* field, int64_t most) const {
    const Json* value = find(field);
    if (value == nullptr) fail(field, cat("is missing; expected an integer in 1..", most));
    return bounded(field, *value, most);
  }
  int64_t size_or(const char* field, int64_t fallback, int64_t most) const {
    const Json* value = find(field);
    return value == nullptr ? fallback : bounded(field, *value, most);
  }
  double number_or(const char* field, double fallback, double least, double most) const {
    const Json* value = find(field);
    if (value == nullptr) return fallback;
    const bool fits = value->is_number() && value->get<double>() >= least && value->get<double>() <= most;
    if (!fits) fail(field, cat("is ", value->dump(), "; expected a number in ", least, "..", most));
    return value->get<double>();
  }
  bool flag(const char* field) const {
    const Json* value = find(field);
    if (value == nullptr) return false;
    if (!value->is_boolean()) fail(field, cat("is ", value->dump(), "; expected true or false"));
    return value->get<bool>();
  }
  std::string text_or(const char* field, const std::string& fallback) const {
    const Json* value = find(field);
    if (value == nullptr) return fallback;
    if (!value->is_string()) fail(field, cat("is ", value->dump(), "; expected a string"));
    return value->get<std::string>();
  }
  const std::string& place() const { return place_; }

 private:
  int64_t bounded(const char* field, const Json& value, int64_t most) const {
    const bool fits = value.is_number_integer() && value.get<double>() >= 1 && value.get<double>() <= double(most);
    if (!fits) fail(field, cat("is ", value.dump(), "; expected an integer in 1..", most));
    return value.get<int64_t>();
  }

  const Json& object_;
  std::string place_;
};

std::string read_architecture(const Fields& fields) {
  const Json* list = fields.find("architectures");
  if (list == nullptr || !list->is_array() || list->size() != 1 || !list->front().is_string()) {
    fields.fail("architectures", cat("must be a list of one name; valid: ", join(kArchitectures)));
  }
  auto name = list->front().get<std::string>();
  if (name != kArchitectures.front()) {
    fields.fail("architectures", cat("names '", name, "', which is not supported; valid: ", join(kArchitectures)));
  }
  return name;
}

// rope_parameters holds theta and scaling; in the older spelling rope_theta stands beside rope_scaling, whose type may
// be called "type".
Rope read_rope(const Fields& fields, int64_t context) {
  const bool newer = fields.find("rope_parameters") != nullptr;
  const char* group = newer ? "rope_parameters" : "rope_scaling";
  Rope rope;
  rope.theta = fields.number_or("rope_theta", 10000, 1e-3, 1e12);
  const Json* object = fields.find(group);
  if (object == nullptr) return rope;
  if (!object->is_object()) fields.fail(group, cat("is ", object->dump(), "; expected an object"));
  const Fields inner(*object, cat(fields.place(), ": ", group));
  rope.theta = inner.number_or("rope_theta", rope.theta, 1e-3, 1e12);
  const std::string type = inner.text_or("rope_type", inner.text_or("type", "default"));
  if (type == "default") return rope;
  if (type != "linear" && type != "llama3") {
    inner.fail("rope_type", cat("is '", type, "', which is not supported; valid: ", join(kRopeTypes)));
  }
  if (inner.find("factor") == nullptr) inner.fail("factor", cat("is missing, but rope type '", type, "' needs it"));
  rope.factor = inner.number_or("factor", 1, 1, 1e6);
  rope.type = RopeType::kLinear;
  if (type == "linear") return rope;
  rope.type = RopeType::kLlama3;
  for (const char* field : {"low_freq_factor", "high_freq_factor"}) {
    if (inner.find(field) == nullptr) inner.fail(field, "is missing, but rope type 'llama3' needs it");
  }
  rope.low_freq_factor = inner.number_or("low_freq_factor", 1, 1e-6, 1e6);
  rope.high_freq_factor = inner.number_or("high_freq_factor", 4, 1e-6, 1e6);
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    inner.fail("high_freq_factor",
               cat("is ", rope.high_freq_factor, "; it must exceed low_freq_factor, ", rope.low_freq_factor));
  }
  rope.original_max_position_embeddings = inner.size_or("original_max_position_embeddings", context, int64_t{1} << 27);
  return rope;
}

void check_unsupported(const Fields& fields) {
  const std::string act = fields.text_or("hidden_act", "silu");
  if (act != "silu") fields.fail("hidden_act", cat("is '", act, "', which is not supported; valid: silu"));
  if (fields.find("quantization_config") != nullptr) {
    fields.fail("quantization_config",
                "is set, but quantized checkpoints are not supported; valid: F32, F16, BF16 weights");
  }
  if (fields.number_or("partial_rotary_factor", 1, 0, 1) != 1)
    fields.fail("partial_rotary_factor", "must be 1 or absent");
}

}  // namespace

LlamaConfig parse_llama_config(const std::string& json_text, const std::string& place) {
  Json json;
  try {
    json = Json::parse(json_text);
  } catch (const Json::exception& error) {
    throw Error(cat(place, ": not valid JSON: ", error.what()));
  }
  if (!json.is_object()) throw Error(cat(place, ": expected a JSON object"));
  const Fields fields(json, place);
  LlamaConfig config;
  config.architecture = read_architecture(fields);
  check_unsupported(fields);
  config.vocab = fields.size("vocab_size", int64_t{1} << 22);
  config.hidden = fields.size("hidden_size", int64_t{1} << 17);
  config.intermediate = fields.size("intermediate_size", int64_t{1} << 19);
  config.layers = fields.size("num_hidden_layers", 1024);
  config.heads = fields.size("num_attention_heads", 4096);
  config.kv_heads = fields.size_or("num_key_value_heads", config.heads, 4096);
  if (config.heads % config.kv_heads != 0) {
    fields.fail("num_key_value_heads",
                cat("is ", config.kv_heads, "; it must divide num_attention_heads, ", config.heads));
  }
  if (fields.find("head_dim") == nullptr && config.hidden % config.heads != 0) {
    fields.fail("num_attention_heads",
                cat("is ", config.heads, "; without head_dim it must divide hidden_size, ", config.hidden));
  }
  config.head_dim = fields.size_or("head_dim", config.hidden / config.heads, 1024);
  if (config.head_dim % 2 != 0)
    fields.fail("head_dim", cat("is ", config.head_dim, "; rotary embeddings need an even size"));
  config.context = fields.size_or("max_position_embeddings", 2048, int64_t{1} << 27);
  config.rms_norm_eps = fields.number_or("rms_norm_eps", 1e-6, 0, 1);
  config.attention_bias = fields.flag("attention_bias");
  config.mlp_bias = fields.flag("mlp_bias");
  config.tied = fields.flag("tie_word_embeddings");
  config.rope = read_rope(fields, config.context);
  return config;
}

std::string to_json(const LlamaConfig& config, const std::string& dtype) {
  Json rope = {{"rope_theta", config.rope.theta}, {"rope_type", kRopeTypes[static_cast<size_t>(config.rope.type)]}};
  if (config.rope.type != RopeType::kDefault) rope["factor"] = config.rope.factor;
  if (config.rope.type == RopeType::kLlama3) {
    rope["low_freq_factor"] = config.rope.low_freq_factor;
    rope["high_freq_factor"] = config.rope.high_freq_factor;
    rope["original_max_position_embeddings"] = config.rope.original_max_position_embeddings;
  }
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
                     {"rms_norm_eps", config.rms_norm_eps},
                     {"hidden_act", "silu"},
                     {"attention_bias", config.attention_bias},
                     {"mlp_bias", config.mlp_bias},
                     {"tie_word_embeddings", config.tied},
                     {"rope_parameters", rope}};
  return json.dump(2) + "\n";
}

// "llama3": wavelengths beyond the original context are stretched by `factor`, short ones stay, those between are
// blended (Llama 3.1 model card; the same formula as transformers' rope_type "llama3").
std::vector<float> rope_frequencies(const LlamaConfig& config) {
  const Rope& rope = config.rope;
  std::vector<float> frequencies(static_cast<size_t>(config.head_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double frequency = 1.0 / std::pow(rope.theta, 2.0 * double(i) / double(config.head_dim));
    if (rope.type == RopeType::kLinear) frequency /= rope.factor;
    if (rope.type == RopeType::kLlama3) {
      const double turns = double(rope.original_max_position_embeddings) * frequency / (2 * std::numbers::pi);
      const double blend = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
      const double kept = std::min(1.0, std::max(0.0, blend));
      frequency = (1 - kept) * frequency / rope.factor + kept * frequency;
    }
    frequencies[i] = static_cast<float>(frequency);
  }
  return frequencies;
}

std::vector<TensorSpec> expected_tensors(const LlamaConfig& config) {
  const int64_t query = config.heads * config.head_dim, key = config.kv_heads * config.head_dim;
  std::vector<TensorSpec> specs;
  specs.push_back({"model.embed_tokens.weight", {config.vocab, config.hidden}});
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = cat("model.layers.", layer, ".");
    const auto linear = [&](const char* name, int64_t out, int64_t in, bool bias) {
      specs.push_back({cat(prefix, name, ".weight"), {out, in}});
      if (bias) specs.push_back({cat(prefix, name, ".bias"), {out}});
    };
    specs.push_back({prefix + "input_layernorm.weight", {config.hidden}});
    linear("self_attn.q_proj", query, config.hidden, config.attention_bias);
    linear("self_attn.k_proj", key, config.hidden, config.attention_bias);
    linear("self_attn.v_proj", key, config.hidden, config.attention_bias);
    linear("self_attn.o_proj", config.hidden, query, config.attention_bias);
    specs.push_back({prefix + "post_attention_layernorm.weight", {config.hidden}});
    linear("mlp.gate_proj", config.intermediate, config.hidden, config.mlp_bias);
    linear("mlp.up_proj", config.intermediate, config.hidden, config.mlp_bias);
    linear("mlp.down_proj", config.hidden, config.intermediate, config.mlp_bias);
  }
  specs.push_back({"model.norm.weight", {config.hidden}});
  if (!config.tied) specs.push_back({"lm_head.weight", {config.vocab, config.hidden}});
  return specs;
}

}  // namespace specula
