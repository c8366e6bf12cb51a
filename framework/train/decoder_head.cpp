#include "framework/train/decoder_head.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "framework/core/error.h"
#include "framework/model/architecture/rope.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

// The names by which a file of the kind is told.
std::set<std::string> names_of(const DecoderHeadShape& shape) {
  std::set<std::string> names;
  if (shape.kind == "eagle") names = {"fc.weight", "layers.0.mlp.down_proj.weight"};
  if (shape.kind == "eagle3") names = {"fc.weight", "midlayer.hidden_norm.weight"};
  if (shape.kind == "mtp") names = {"mtp.fc.weight"};
  if (shape.kind == "kangaroo") names = {"layers.0.self_attn.q_proj.weight", "norm.weight"};
  if (!shape.draft_tokens.empty()) names.insert("d2t");
  if (shape.own_output || !shape.draft_tokens.empty()) names.insert("lm_head.weight");
  return names;
}

std::string config_json(const DecoderHeadShape& shape, const DecoderConfig& target) {
  const int64_t heads = shape.heads > 0 ? shape.heads : target.heads;
  Json json = {{"architectures", {shape.kind == "eagle3" ? "LlamaForCausalLMEagle3" : "LlamaForCausalLM"}},
               {"model_type", "llama"},
               {"vocab_size", target.vocab},
               {"hidden_size", target.hidden},
               {"intermediate_size", shape.intermediate > 0 ? shape.intermediate : target.intermediate},
               {"num_hidden_layers", 1},
               {"num_attention_heads", heads},
               {"num_key_value_heads", shape.kv_heads > 0 ? shape.kv_heads : std::min(target.kv_heads, heads)},
               {"head_dim", target.head_dim},
               {"max_position_embeddings", target.context},
               {"rms_norm_eps", target.norm_eps},
               {"rope_theta", target.rope.theta},
               {"hidden_act", "silu"},
               {"tie_word_embeddings", false}};
  if (shape.kind == "kangaroo") json["exitlayer"] = shape.sites.at(0);
  if (shape.kind == "eagle3" && !shape.sites.empty()) json["eagle_aux_hidden_state_layer_ids"] = shape.sites;
  if (!shape.draft_tokens.empty()) json["draft_vocab_size"] = shape.draft_tokens.size();
  return json.dump(2) + "\n";
}

class DecoderHead final : public HeadNetwork {
 public:
  DecoderHead(const DecoderHeadShape& shape, std::shared_ptr<FrozenTarget> target, uint64_t seed,
              const DecoderTraining& training)
      : shape_(shape),
        target_(std::move(target)),
        json_(config_json(shape, target_->config())),
        config_(parse_decoder_config(json_, "the head's config.json", names_of(shape))),
        rotations_(config_.rope, config_.turning(), config_.context),
        training_(training) {
    Parameters begun = initial_parameters(config_, seed);
    if (config_.state.own_output) begun["head.weight"] = begun_output();
    // It begins as what the target's own head reads: its last state, behind its final norm.
    for (const char* entry : {"state_input.weight", "state_join.weight"}) {
      if (begun.contains(entry)) keep_last_state(begun[entry]);
    }
    if (begun.contains("final_norm.weight"))
      begun["final_norm.weight"] = target_->model().parameters().at("final_norm.weight");
    for (const auto& [name, tensor] : begun) weights_[name] = tensor.to(training_.device).clone().requires_grad_();
    if (!shape.draft_tokens.empty())
      tokens_ =
          at::tensor(std::vector<int64_t>(shape.draft_tokens.begin(), shape.draft_tokens.end())).to(training_.device);
  }

  std::vector<Parameter> parameters() const override {
    std::vector<Parameter> all;
    for (const auto& [name, tensor] : weights_) all.push_back({name, tensor});
    return all;
  }

  std::vector<int> sites() const override {
    const auto layers = static_cast<int>(target_->config().layers);
    if (!shape_.sites.empty()) return shape_.sites;
    if (shape_.kind == "eagle3") return {2, layers / 2, layers - 3};
    return {layers + 1};
  }
  int levels() const override { return 0; }
  Tensor draft_tokens() const override { return tokens_; }

  Tensor join(const std::vector<Tensor>& states) const override {
    return config_.state.joined > 0 ? linear(at::cat(states, -1), "state_join") : states.front();
  }

  // A row of Kangaroo has the target's own state whoever drafted it, so all levels are places of one pass.
  std::vector<Tensor> unroll(const Tensor& token, const std::vector<Tensor>& states, int levels) const override {
    if (config_.state.entry != StateEntry::kState) return HeadNetwork::unroll(token, states, levels);
    Kept kept;
    const Tensor all = run(0, token, states.front(), kept).features;
    std::vector<Tensor> features;
    for (int64_t level = 0; level < levels; ++level)
      features.push_back(all.narrow(1, level + 1, all.size(1) - 1 - level));
    return features;
  }

  Level run(int level, const Tensor& token, const Tensor& carried, Kept& kept) const override {
    const Tensor s = carried.narrow(1, 0, token.size(1));
    Tensor x = s, attended = s;
    if (config_.state.entry != StateEntry::kState) attended = entered(token, s);
    if (config_.state.entry == StateEntry::kInput) attended = x = linear(attended, "state_input");
    if (weights_.contains("layers.0.attention.norm.weight")) attended = norm(attended, "layers.0.attention.norm");
    x = x + attention(level, attended, kept);
    if (config_.feeds) {
      const Tensor y = norm(x, "layers.0.mlp.norm");
      x = x + linear(at::silu(linear(y, "layers.0.mlp.gate")) * linear(y, "layers.0.mlp.up"), "layers.0.mlp.down");
    }
    const Tensor features = config_.final_norm ? norm(x, "final_norm") : x;
    return {.features = features, .carried = config_.state.carries_normed ? features : x};
  }

  Tensor logits(int /*level*/, const Tensor& features) const override {
    return config_.state.own_output ? linear(features, "head") : target_->model().logits(features);
  }

  void write(const std::filesystem::path& folder) const override {
    std::vector<Weight> more;
    if (tokens_.defined()) {
      more.push_back({.name = "d2t",
                      .dtype = "I64",
                      .shape = {tokens_.size(0)},
                      .read = [this](int64_t first, int64_t count, float* out) {
                        for (int64_t i = 0; i < count * tokens_.size(0); ++i)
                          out[i] =
                              static_cast<float>(shape_.draft_tokens[static_cast<size_t>(first + i)] - (first + i));
                      }});
    }
    Parameters written;
    for (const auto& [name, tensor] : weights_) written[name] = tensor.detach();
    write_decoder({.config = config_, .parameters = written, .files = {{"config.json", json_}}}, training_.written,
                  folder, more);
  }

 private:
  // W [H,n]: of its inputs the last H, the last site, pass as they are.
  static void keep_last_state(Tensor& weight) {
    const int64_t size = weight.size(0);
    weight.narrow(1, weight.size(1) - size, size).copy_(at::eye(size));
  }

  // The target's own head, its rows of the tokens that can be drafted.
  Tensor begun_output() const {
    const auto& of_target = target_->model().parameters();
    Tensor all = of_target.at(target_->config().tied ? "embedding.weight" : "head.weight");
    if (shape_.draft_tokens.empty()) return all;
    return all.index_select(0, at::tensor(std::vector<int64_t>(shape_.draft_tokens.begin(), shape_.draft_tokens.end()),
                                          all.options().dtype(at::kLong)));
  }

  // Embedding and state side by side.
  Tensor entered(const Tensor& token, const Tensor& s) const {
    const Tensor e =
        at::embedding(target_->model().parameters().at("embedding.weight"), token) * target_->config().embedding_scale;
    if (!config_.state.norms) return at::cat({e, s}, -1);
    return at::cat({norm(e, "token_norm"), norm(s, "state_norm")}, -1);
  }

  Tensor linear(const Tensor& x, const std::string& name) const {
    const auto bias = weights_.find(name + ".bias");
    return at::linear(x, weights_.at(name + ".weight"), bias == weights_.end() ? Tensor() : bias->second);
  }

  Tensor norm(const Tensor& given, const std::string& name) const {
    const Tensor x = given.to(at::kFloat);
    return x * at::rsqrt(x.pow(2).mean(-1, /*keepdim=*/true) + config_.norm_eps) * weights_.at(name + ".weight");
  }

  // x [B,n,heads,D] at positions `first`, first + 1, ...
  Tensor turned(const Tensor& x, int64_t first) const {
    const int64_t count = x.size(1), size = rotations_.turning(), half = size / 2;
    Tensor angles = at::empty({count, 1, size}, at::kFloat);
    std::vector<float> scratch(static_cast<size_t>(size));
    float* out = angles.mutable_data_ptr<float>();
    for (int64_t i = 0; i < count; ++i) out = std::copy_n(rotations_.at(first + i, scratch.data()), size, out);
    angles = angles.to(x.device());
    const Tensor cosine = angles.narrow(-1, 0, half), sine = angles.narrow(-1, half, half);
    const Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half), rest = x.narrow(-1, size, x.size(-1) - size);
    return at::cat({a * cosine - b * sine, b * cosine + a * sine, rest}, -1);
  }

  // Row t of a level sees the rows 0..t of level 0, which stand for the text, and of the levels above it row t alone,
  // which are its own path.
  Tensor attention(int level, const Tensor& x, Kept& kept) const {
    const int64_t group = config_.heads / config_.kv_heads, count = x.size(1);
    const auto heads = [&](const char* name, int64_t number) {
      return linear(x, cat("layers.0.attention.", name)).unflatten(-1, {number, config_.head_dim});
    };
    const Tensor q = turned(heads("q", config_.heads), level).transpose(1, 2);  // [B,heads,n,D]
    const auto repeated = [&](const Tensor& y) { return y.repeat_interleave(group, 2).transpose(1, 2); };
    kept.keys.push_back(repeated(turned(heads("k", config_.kv_heads), level)));
    kept.values.push_back(repeated(heads("v", config_.kv_heads)));
    const double scale = config_.scale_of(0);
    Tensor joined;
    if (level == 0) {
      joined = at::scaled_dot_product_attention(q, kept.keys[0], kept.values[0].to(q.scalar_type()), {}, 0.0,
                                                /*is_causal=*/true, scale);
    } else {
      joined = on_own_path(q, kept, count, scale);
    }
    return linear(joined.transpose(1, 2).flatten(-2), "layers.0.attention.output");
  }

  static Tensor on_own_path(const Tensor& q, const Kept& kept, int64_t count, double scale) {
    const auto part = [&](const std::vector<Tensor>& of, size_t level) { return of[level].narrow(2, 0, count); };
    const Tensor hidden =
        at::ones({count, count}, q.options().dtype(at::kBool)).triu(1);  // [n,n]: rows of the text to come
    std::vector<Tensor> scores{(at::matmul(q, part(kept.keys, 0).transpose(-2, -1)).to(at::kFloat) * scale)
                                   .masked_fill(hidden, -std::numeric_limits<float>::infinity())};
    for (size_t level = 1; level < kept.keys.size(); ++level)
      scores.push_back((q * part(kept.keys, level)).to(at::kFloat).sum(-1, /*keepdim=*/true) * scale);
    const Tensor weights = at::softmax(at::cat(scores, -1), -1);
    Tensor joined = at::matmul(weights.narrow(-1, 0, count), part(kept.values, 0).to(at::kFloat));
    for (size_t level = 1; level < kept.values.size(); ++level)
      joined = joined + weights.narrow(-1, count + static_cast<int64_t>(level) - 1, 1) * part(kept.values, level);
    return joined;
  }

  DecoderHeadShape shape_;
  std::shared_ptr<FrozenTarget> target_;
  std::string json_;
  DecoderConfig config_;
  RotaryTable rotations_;
  DecoderTraining training_;
  Parameters weights_;
  Tensor tokens_;  // [outputs] int64; undefined: the whole vocabulary
};

void check_target(const DecoderHeadShape& shape, const DecoderConfig& target) {
  const auto refuse = [&](const std::string& what) {
    throw ConfigError(cat("a head of kind '", shape.kind, "' cannot be trained for this target: ", what));
  };
  if (target.norm != NormKind::kRms) refuse("its norms are not RMS norms, which the head's are");
  if (target.is_head()) refuse("it is a head itself");
  if (target.turning() != target.head_dim || target.rope.type != RopeType::kDefault)
    refuse("its rotary embedding is not the plain one, which the head's is");
  if (shape.kind == "kangaroo" && (shape.sites.at(0) < 1 || shape.sites.at(0) >= target.layers))
    refuse(cat("exit_layer = ", shape.sites.at(0), "; expected 1..", target.layers - 1, ", since it has ",
               target.layers, " layers and one at least must verify"));
  for (const int site : shape.sites) {
    if (site < 0 || site > target.layers + 1)
      refuse(cat("it has no site ", site, "; expected 0..", target.layers + 1, " (", target.layers,
                 " before its final norm)"));
  }
  if (shape.kind == "eagle3" && shape.sites.empty() && target.layers < 4)
    refuse(cat("it has ", target.layers, " layers; states of layers 2, L/2 and L-3 are read, so expected at least 4"));
}

}  // namespace

std::unique_ptr<HeadNetwork> make_decoder_head(const DecoderHeadShape& shape, std::shared_ptr<FrozenTarget> target,
                                               uint64_t seed, const DecoderTraining& training) {
  check_target(shape, target->config());
  return std::make_unique<DecoderHead>(shape, std::move(target), seed, training);
}

}  // namespace specula
