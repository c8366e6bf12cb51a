#include "framework/convert/model_shape.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Json rope_json(const ModelShape& shape) {
  const RotaryScaling& scaling = shape.scaling;
  constexpr const char* kTypes[] = {"default", "linear", "llama3"};
  Json rope = {{"rope_theta", shape.rope_theta}, {"rope_type", kTypes[static_cast<size_t>(scaling.type)]}};
  if (scaling.type != RotaryScaling::Type::kNone) rope["factor"] = scaling.factor;
  if (scaling.type == RotaryScaling::Type::kLlama3) {
    rope["low_freq_factor"] = scaling.low_freq;
    rope["high_freq_factor"] = scaling.high_freq;
    rope["original_max_position_embeddings"] = scaling.original_context;
  }
  return rope;
}

// What the rule of Llama 3.1 divides a frequency by (its model card): 1 for waves that turn more than high_freq times
// within the original context, `factor` for those that turn less than low_freq times, blended between.
double llama3_divisor(const RotaryScaling& rule, double frequency) {
  const double turns = static_cast<double>(rule.original_context) * frequency / (2 * std::numbers::pi);
  const double blend = std::clamp((turns - rule.low_freq) / (rule.high_freq - rule.low_freq), 0.0, 1.0);
  return 1 / ((1 - blend) / rule.factor + blend);
}

bool gives(const RotaryScaling& rule, const std::vector<float>& factors, const ModelShape& shape) {
  constexpr double kTolerance = 1e-4;  // factors were computed in float32 and written as such
  for (size_t i = 0; i < factors.size(); ++i) {
    const double frequency = std::pow(shape.rope_theta, -2.0 * static_cast<double>(i) / double(shape.head_dim));
    const double expected = rule.type == RotaryScaling::Type::kLlama3 ? llama3_divisor(rule, frequency) : rule.factor;
    if (!(std::abs(factors[i] - expected) <= kTolerance * expected)) return false;
  }
  return true;
}

}  // namespace

void check_shape(const ModelShape& shape, const std::string& place) {
  const auto fail = [&](const std::string& what) { throw Error(cat(place, ": ", what)); };
  if (shape.heads % shape.kv_heads != 0)
    fail(cat(shape.kv_heads, " key heads do not divide ", shape.heads, " attention heads"));
  if (shape.head_dim % 2 != 0) fail(cat("the size of a head, ", shape.head_dim, ", is odd; rotation needs pairs"));
}

std::string config_json(const ModelShape& shape) {
  Json json = {{"architectures", {shape.architecture}},
               {"model_type", shape.model_type},
               {"dtype", shape.dtype == "F32"   ? "float32"
                         : shape.dtype == "F16" ? "float16"
                                                : "bfloat16"},
               {"vocab_size", shape.vocab},
               {"hidden_size", shape.hidden},
               {"intermediate_size", shape.intermediate},
               {"num_hidden_layers", shape.layers},
               {"num_attention_heads", shape.heads},
               {"num_key_value_heads", shape.kv_heads},
               {"head_dim", shape.head_dim},
               {"max_position_embeddings", shape.context},
               {"rms_norm_eps", shape.rms_norm_eps},
               {"hidden_act", "silu"},
               {"attention_bias", shape.attention_bias},
               {"mlp_bias", false},
               {"tie_word_embeddings", shape.tied},
               {"rope_parameters", rope_json(shape)}};
  if (shape.bos >= 0) json["bos_token_id"] = shape.bos;
  if (shape.stops.size() == 1) json["eos_token_id"] = shape.stops.front();
  if (shape.stops.size() > 1) json["eos_token_id"] = shape.stops;
  return json.dump(2) + "\n";
}

std::optional<RotaryScaling> rule_of_factors(const std::vector<float>& factors, const ModelShape& shape) {
  const float most = *std::max_element(factors.begin(), factors.end());
  if (!(most >= 1 && most <= 1e6f)) return std::nullopt;
  RotaryScaling rule{.type = RotaryScaling::Type::kLinear, .factor = most};
  if (gives(rule, factors, shape)) return most == 1 ? RotaryScaling{} : rule;
  rule.type = RotaryScaling::Type::kLlama3;
  rule.original_context = 8192;  // of every published model; then whatever power of two explains the factors as well
  if (gives(rule, factors, shape)) return rule;
  for (rule.original_context = 8; rule.original_context <= kMostContext; rule.original_context *= 2) {
    if (gives(rule, factors, shape)) return rule;
  }
  return std::nullopt;
}

}  // namespace specula
