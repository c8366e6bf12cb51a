#include "framework/model/architecture/rope_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::json;

constexpr double kMostFactor = 1e6;
constexpr int64_t kMostPositions = int64_t{1} << 27;

const std::vector<std::string> kTypes = {"default", "linear", "dynamic", "yarn", "longrope", "llama3"};  // by RopeType

RopeType type_of(const ConfigFields& fields, const RopeSource& source) {
  std::string type = fields.text_or("rope_type", fields.text_or("type", "default"));
  if (source.su_is_longrope && (type == "su" || type == "yarn")) type = "longrope";
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (type == kTypes[i]) return static_cast<RopeType>(i);
  }
  fields.fail("rope_type", cat("is '", type, "', which is not supported; valid: ", join(kTypes)));
}

void need(const ConfigFields& fields, const char* field, RopeType type) {
  if (!fields.has(field)) {
    fields.fail(field, cat("is missing, but rope type '", kTypes[static_cast<size_t>(type)], "' needs it"));
  }
}

void read_llama3(const ConfigFields& fields, Rope& rope) {
  for (const char* field : {"low_freq_factor", "high_freq_factor"}) need(fields, field, rope.type);
  rope.low_freq_factor = fields.number_or("low_freq_factor", 1, 1e-6, kMostFactor);
  rope.high_freq_factor = fields.number_or("high_freq_factor", 4, 1e-6, kMostFactor);
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    fields.fail("high_freq_factor",
                cat("is ", rope.high_freq_factor, "; it must exceed low_freq_factor, ", rope.low_freq_factor));
  }
}

// How much longer dot products become than the scale says (Peng et al. 2023, eq. 22).
double yarn_scale(double factor, double scale) { return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1; }

void read_yarn(const ConfigFields& fields, Rope& rope) {
  const double fast = fields.number_or("beta_fast", 32, 0, kMostFactor);
  const double slow = fields.number_or("beta_slow", 1, 0, kMostFactor);
  rope.beta_fast = fast == 0 ? 32 : fast;
  rope.beta_slow = slow == 0 ? 1 : slow;
  rope.truncate = fields.flag_or("truncate", true);
  const double all = fields.number_or("mscale", 0, 0, 100), dimension = fields.number_or("mscale_all_dim", 0, 0, 100);
  const double inferred = all != 0 && dimension != 0 ? yarn_scale(rope.factor, all) / yarn_scale(rope.factor, dimension)
                                                     : yarn_scale(rope.factor, 1);
  rope.magnitude = fields.number_or("attention_factor", inferred, 1e-3, 1e3);
}

void read_longrope(const ConfigFields& fields, Rope& rope) {
  for (const char* field : {"short_factor", "long_factor"}) need(fields, field, rope.type);
  rope.short_factor = fields.numbers("short_factor", 1e-6, kMostFactor);
  rope.long_factor = fields.numbers("long_factor", 1e-6, kMostFactor);
  const double original = double(rope.original_max_position_embeddings);
  const double inferred = rope.factor <= 1 ? 1 : std::sqrt(1 + std::log(rope.factor) / std::log(original));
  rope.magnitude = fields.number_or("attention_factor", inferred, 1e-3, 1e3);
}

void read_scaling(const ConfigFields& fields, const ConfigFields& outer, int64_t context, Rope& rope) {
  const int64_t beside = outer.size_or("original_max_position_embeddings", context, kMostPositions);
  rope.original_max_position_embeddings =
      rope.type == RopeType::kDynamic ? context
                                      : fields.size_or("original_max_position_embeddings", beside, kMostPositions);
  const bool can_infer = rope.type == RopeType::kYarn || rope.type == RopeType::kLongRope;
  if (!can_infer) need(fields, "factor", rope.type);
  const double inferred = double(context) / double(rope.original_max_position_embeddings);
  rope.factor = fields.number_or("factor", inferred, rope.type == RopeType::kLongRope ? 0 : 1, kMostFactor);
  if (rope.type == RopeType::kLlama3) read_llama3(fields, rope);
  if (rope.type == RopeType::kYarn) read_yarn(fields, rope);
  if (rope.type == RopeType::kLongRope) read_longrope(fields, rope);
}

}  // namespace

Rope read_rope(const ConfigFields& fields, int64_t context, const RopeSource& source) {
  Rope rope;
  rope.theta = fields.number_or(source.theta_field, source.theta, 1e-3, 1e12);
  const bool is_newer = fields.has("rope_parameters");
  const char* group = is_newer ? "rope_parameters" : "rope_scaling";
  if (!fields.has(group)) return rope;
  const ConfigFields outer = fields.object(group);
  const bool is_by_layer = is_newer && !source.layer_type.empty() && outer.has(source.layer_type);
  const ConfigFields inner = is_by_layer ? outer.object(source.layer_type) : outer;
  rope.theta = inner.number_or("rope_theta", rope.theta, 1e-3, 1e12);
  rope.type = type_of(inner, source);
  if (rope.type != RopeType::kDefault) read_scaling(inner, fields, context, rope);
  return rope;
}

double read_rotary_share(const ConfigFields& fields, double otherwise, const std::string& older_field) {
  double share = fields.number_or("partial_rotary_factor", otherwise, 0, 1);
  if (!older_field.empty()) share = fields.number_or(older_field, share, 0, 1);
  if (!fields.has("rope_parameters")) return share;
  return fields.object("rope_parameters").number_or("partial_rotary_factor", share, 0, 1);
}

int64_t rotary_dim_of(const ConfigFields& fields, int64_t head_dim, double share) {
  const auto turning = static_cast<int64_t>(double(head_dim) * share);
  if (turning % 2 != 0) {
    fields.fail("head_dim", cat("is ", head_dim, ", of which ", turning,
                                " dimensions turn; rotary embeddings need an even number"));
  }
  return turning;
}

Json rope_json(const Rope& rope) {
  Json json = {{"rope_theta", rope.theta}, {"rope_type", kTypes[static_cast<size_t>(rope.type)]}};
  if (rope.type == RopeType::kDefault) return json;
  json["factor"] = rope.factor;
  if (rope.type == RopeType::kLinear || rope.type == RopeType::kDynamic) return json;
  json["original_max_position_embeddings"] = rope.original_max_position_embeddings;
  if (rope.type == RopeType::kLlama3) {
    json["low_freq_factor"] = rope.low_freq_factor;
    json["high_freq_factor"] = rope.high_freq_factor;
    return json;
  }
  json["attention_factor"] = rope.magnitude;
  if (rope.type == RopeType::kYarn) {
    json["beta_fast"] = rope.beta_fast;
    json["beta_slow"] = rope.beta_slow;
    json["truncate"] = rope.truncate;
  } else {
    json["short_factor"] = rope.short_factor;
    json["long_factor"] = rope.long_factor;
  }
  return json;
}

}  // namespace specula
