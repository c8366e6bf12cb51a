#include "framework/train/decoder_head.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "framework/core/error.h"
#include "framework/train/layer_parts.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

bool is_eagle3(const DecoderHeadShape& shape) { return shape.kind == "eagle3" || shape.kind == "peagle"; }

// The names by which a file of the kind is told.
std::set<std::string> names_of(const DecoderHeadShape& shape) {
  std::set<std::string> names;
  if (shape.kind == "eagle") names = {"fc.weight", "layers.0.mlp.down_proj.weight"};
  if (is_eagle3(shape)) names = {"fc.weight", "midlayer.hidden_norm.weight"};
  if (shape.kind == "peagle") names.insert("mask_hidden");
  if (shape.kind == "mtp") names = {"mtp.fc.weight"};
  if (shape.kind == "kangaroo") names = {"layers.0.self_attn.q_proj.weight", "norm.weight"};
  if (!shape.draft_tokens.empty()) names.insert("d2t");
  if (shape.own_output || !shape.draft_tokens.empty()) names.insert("lm_head.weight");
  return names;
}

std::string config_json(const DecoderHeadShape& shape, const DecoderConfig& target) {
  Json json =
      layer_fields({.intermediate = shape.intermediate, .heads = shape.heads, .kv_heads = shape.kv_heads}, target);
  if (is_eagle3(shape)) json["architectures"] = {"LlamaForCausalLMEagle3"};
  if (shape.kind == "kangaroo") json["exitlayer"] = shape.sites.at(0);
  if (is_eagle3(shape) && !shape.sites.empty()) json["eagle_aux_hidden_state_layer_ids"] = shape.sites;
  if (shape.kind == "peagle") {
    json["ptd_token_id"] = shape.mask;
    json["para_depths"] = shape.named;
  }
  if (shape.fc_norm) json["fc_norm"] = true;
  if (shape.norm_output) json["norm_output"] = true;
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
        training_(training),
        parts_(config_, begun(seed), training.device) {
    if (!shape.draft_tokens.empty())
      tokens_ =
          at::tensor(std::vector<int64_t>(shape.draft_tokens.begin(), shape.draft_tokens.end())).to(training_.device);
  }

  std::vector<Parameter> parameters() const override { return parts_.learning(); }

  std::vector<int> sites() const override {
    const auto layers = static_cast<int>(target_->config().layers);
    if (!shape_.sites.empty()) return shape_.sites;
    if (is_eagle3(shape_)) return {2, layers / 2, layers - 3};
    return {layers + 1};
  }
  int levels() const override { return static_cast<int>(config_.state.named); }
  Tensor draft_tokens() const override { return tokens_; }

  Tensor join(const std::vector<Tensor>& states) const override {
    if (config_.state.joined == 0) return states.front();
    std::vector<Tensor> joined = states;
    for (size_t i = 0; shape_.fc_norm && i < joined.size(); ++i)
      joined[i] = parts_.norm(joined[i], cat("join_norm.", i));
    return parts_.linear(at::cat(joined, -1), "state_join");
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
    const bool is_mask = level > 0 && config_.state.named > 0;
    const Tensor s = is_mask ? mask_states(token) : carried.narrow(1, 0, token.size(1));
    Tensor x = s, attended = s;
    if (config_.state.entry != StateEntry::kState)
      attended = entered(is_mask ? at::full_like(token, config_.state.mask_token) : token, s);
    if (config_.state.entry == StateEntry::kInput) attended = x = parts_.linear(attended, "state_input");
    if (parts_.has("layers.0.attention.norm")) attended = parts_.norm(attended, "layers.0.attention.norm");
    x = x + attention(level, attended, kept);
    if (config_.feeds) x = x + parts_.feed_forward(x, 0);
    const Tensor features = config_.final_norm ? parts_.norm(x, "final_norm") : x;
    return {.features = features, .carried = config_.state.carries_normed ? features : x};
  }

  Tensor logits(int /*level*/, const Tensor& features) const override {
    return config_.state.own_output ? parts_.linear(features, "head") : target_->model().logits(features);
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
    write_decoder({.config = config_, .parameters = parts_.detached(), .files = {{"config.json", json_}}},
                  training_.written, folder, more);
  }

 private:
  Parameters begun(uint64_t seed) const {
    Parameters all = initial_parameters(config_, seed);
    if (config_.state.own_output) all["head.weight"] = begun_output();
    // It begins as what the target's own head reads: its last state, behind its final norm.
    for (const char* entry : {"state_input.weight", "state_join.weight"}) {
      if (all.contains(entry)) keep_last_state(all[entry]);
    }
    if (all.contains("final_norm.weight"))
      all["final_norm.weight"] = target_->model().parameters().at("final_norm.weight");
    return all;
  }

  // The target's own head, its rows of the tokens that can be drafted.
  Tensor begun_output() const {
    const auto& of_target = target_->model().parameters();
    Tensor all = of_target.at(target_->config().tied ? "embedding.weight" : "head.weight");
    if (shape_.draft_tokens.empty()) return all;
    return all.index_select(0, at::tensor(std::vector<int64_t>(shape_.draft_tokens.begin(), shape_.draft_tokens.end()),
                                          all.options().dtype(at::kLong)));
  }

  // One learned state of each site, joined, for every row of token [B,n].
  Tensor mask_states(const Tensor& token) const {
    const int64_t sites = config_.state.joined / config_.state.target_hidden;
    const Tensor one = join(parts_.weight("mask_state").view({1, 1, -1}).chunk(sites, -1));
    return one.expand({token.size(0), token.size(1), one.size(2)});
  }

  // Embedding and state side by side.
  Tensor entered(const Tensor& token, const Tensor& s) const {
    const Tensor e = embedded(token, target_->model());
    if (!config_.state.norms) return at::cat({e, s}, -1);
    return at::cat({parts_.norm(e, "token_norm"), parts_.norm(s, "state_norm")}, -1);
  }

  // Row t of a level sees the rows 0..t of level 0, which stand for the text, and of the levels above it row t alone,
  // which are its own path.
  Tensor attention(int level, const Tensor& x, Kept& kept) const {
    const int64_t count = x.size(1);
    std::vector<int64_t> position(static_cast<size_t>(count));
    std::iota(position.begin(), position.end(), level);
    const std::string name = "layers.0.attention.";
    const Tensor q =
        parts_.turned(parts_.heads(x, name + "q", config_.heads), position).transpose(1, 2);  // [B,heads,n,D]
    const Tensor k = parts_.turned(parts_.heads(x, name + "k", config_.kv_heads), position);
    kept.keys.push_back(parts_.repeated(k).transpose(1, 2));
    kept.values.push_back(parts_.repeated(parts_.heads(x, name + "v", config_.kv_heads)).transpose(1, 2));
    const double scale = config_.scale_of(0);
    Tensor joined;
    if (level == 0) {
      joined = at::scaled_dot_product_attention(q, kept.keys[0], kept.values[0].to(q.scalar_type()), {}, 0.0,
                                                /*is_causal=*/true, scale);
    } else {
      joined = on_own_path(q, kept, count, scale);
    }
    return parts_.linear(joined.transpose(1, 2).flatten(-2), name + "output");
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
  DecoderTraining training_;
  LayerParts parts_;
  Tensor tokens_;  // [outputs] int64; undefined: the whole vocabulary
};

void check_shape(const DecoderHeadShape& shape, const DecoderConfig& target) {
  if (shape.kind == "kangaroo" && (shape.sites.at(0) < 1 || shape.sites.at(0) >= target.layers))
    refuse_target(shape.kind, cat("exit_layer = ", shape.sites.at(0), "; expected 1..", target.layers - 1,
                                  ", since it has ", target.layers, " layers and one at least must verify"));
  check_target(shape.kind, target, shape.sites, 0, target.layers + 1);
  check_mask(shape.mask, target);
  if (is_eagle3(shape) && shape.sites.empty() && target.layers < 4)
    refuse_target(shape.kind, cat("it has ", target.layers,
                                  " layers; states of layers 2, L/2 and L-3 are read, so expected at least 4"));
}

}  // namespace

std::unique_ptr<HeadNetwork> make_decoder_head(const DecoderHeadShape& shape, std::shared_ptr<FrozenTarget> target,
                                               uint64_t seed, const DecoderTraining& training) {
  check_shape(shape, target->config());
  return std::make_unique<DecoderHead>(shape, std::move(target), seed, training);
}

}  // namespace specula
