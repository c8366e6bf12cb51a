#include "framework/train/layer_parts.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/model/reference.h"

namespace specula {

LayerParts::LayerParts(const DecoderConfig& config, const Parameters& begun, at::DeviceType device)
    : config_(config), rotations_(config.rope, config.turning(), config.context) {
  for (const auto& [name, tensor] : begun) weights_[name] = tensor.to(device).clone().requires_grad_();
}

std::vector<Parameter> LayerParts::learning() const {
  std::vector<Parameter> all;
  for (const auto& [name, tensor] : weights_) all.push_back({name, tensor});
  return all;
}

Parameters LayerParts::detached() const {
  Parameters all;
  for (const auto& [name, tensor] : weights_) all[name] = tensor.detach();
  return all;
}

Tensor LayerParts::linear(const Tensor& x, const std::string& name) const {
  const auto bias = weights_.find(name + ".bias");
  return at::linear(x, weights_.at(name + ".weight"), bias == weights_.end() ? Tensor() : bias->second);
}

Tensor LayerParts::norm(const Tensor& given, const std::string& name) const {
  const Tensor x = given.to(at::kFloat);
  return x * at::rsqrt(x.pow(2).mean(-1, /*keepdim=*/true) + config_.norm_eps) * weights_.at(name + ".weight");
}

Tensor LayerParts::feed_forward(const Tensor& x, int64_t layer) const {
  const std::string mlp = cat("layers.", layer, ".mlp.");
  const Tensor y = norm(x, mlp + "norm");
  return linear(at::silu(linear(y, mlp + "gate")) * linear(y, mlp + "up"), mlp + "down");
}

Tensor LayerParts::heads(const Tensor& x, const std::string& name, int64_t count) const {
  return linear(x, name).unflatten(-1, {count, config_.head_dim});
}

Tensor LayerParts::turned(const Tensor& x, const std::vector<int64_t>& position) const {
  const int64_t count = x.size(-3), size = rotations_.turning(), half = size / 2;
  SPECULA_CHECK(static_cast<int64_t>(position.size()) == count, position.size(), " positions for ", count, " rows");
  Tensor angles = at::empty({count, 1, size}, at::kFloat);
  std::vector<float> scratch(static_cast<size_t>(size));
  float* out = angles.mutable_data_ptr<float>();
  for (const int64_t at : position) out = std::copy_n(rotations_.at(at, scratch.data()), size, out);
  angles = angles.to(x.device());
  const Tensor cosine = angles.narrow(-1, 0, half), sine = angles.narrow(-1, half, half);
  const Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half), rest = x.narrow(-1, size, x.size(-1) - size);
  return at::cat({a * cosine - b * sine, b * cosine + a * sine, rest}, -1);
}

nlohmann::ordered_json layer_fields(const LayerSizes& sizes, const DecoderConfig& target) {
  const int64_t heads = sizes.heads > 0 ? sizes.heads : target.heads;
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"vocab_size", target.vocab},
          {"hidden_size", target.hidden},
          {"intermediate_size", sizes.intermediate > 0 ? sizes.intermediate : target.intermediate},
          {"num_hidden_layers", sizes.layers},
          {"num_attention_heads", heads},
          {"num_key_value_heads", sizes.kv_heads > 0 ? sizes.kv_heads : std::min(target.kv_heads, heads)},
          {"head_dim", target.head_dim},
          {"max_position_embeddings", target.context},
          {"rms_norm_eps", target.norm_eps},
          {"rope_theta", target.rope.theta},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", false}};
}

void refuse_target(const std::string& kind, const std::string& why) {
  throw ConfigError(cat("a head of kind '", kind, "' cannot be trained for this target: ", why));
}

void check_target(const std::string& kind, const DecoderConfig& target, const std::vector<int>& sites, int first,
                  int64_t last) {
  if (target.norm != NormKind::kRms) refuse_target(kind, "its norms are not RMS norms, which the head's are");
  if (target.is_head()) refuse_target(kind, "it is a head itself");
  if (target.turning() != target.head_dim || target.rope.type != RopeType::kDefault)
    refuse_target(kind, "its rotary embedding is not the plain one, which the head's is");
  for (const int site : sites) {
    if (site < first || site > last)
      refuse_target(kind, cat("it has no site ", site, "; expected ", first, "..", last, " (", target.layers,
                              " before its final norm)"));
  }
}

void check_mask(Token mask, const DecoderConfig& target) {
  if (mask < 0 || mask >= target.vocab)
    throw ConfigError(cat("mask_token = ", mask, " is no token of the target; expected 0..", target.vocab - 1));
}

Tensor embedded(const Tensor& token, const ReferenceDecoder& target) {
  return at::embedding(target.parameters().at("embedding.weight"), token) * target.config().embedding_scale;
}

void keep_last_state(Tensor& weight) {
  const int64_t size = weight.size(0);
  weight.narrow(1, weight.size(1) - size, size).copy_(at::eye(size));
}

}  // namespace specula
