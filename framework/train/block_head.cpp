#include "framework/train/block_head.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "framework/core/error.h"

namespace specula {
namespace {

// As the published files have it.  Sites are inputs of layers here, outputs of the layers before them there.
std::string config_json(const BlockHeadShape& shape, const DecoderConfig& target) {
  nlohmann::ordered_json json = layer_fields(shape.sizes, target);
  json["architectures"] = {"DFlashDraftModel"};
  json["model_type"] = "qwen3";
  json["num_target_layers"] = target.layers;
  json["block_size"] = shape.block;
  json["dflash_config"]["mask_token_id"] = shape.mask;
  for (const int site : shape.sites) json["dflash_config"]["target_layer_ids"].push_back(site - 1);
  return json.dump(2) + "\n";
}

class BlockHead final : public DraftNetwork {
 public:
  BlockHead(const BlockHeadShape& shape, std::shared_ptr<FrozenTarget> target, uint64_t seed,
            const DecoderTraining& training)
      : target_(std::move(target)),
        json_(config_json(shape, target_->config())),
        config_(parse_decoder_config(json_, "the head's config.json", kNames)),
        written_(training.written),
        parts_(config_, begun(seed), training.device) {}

  std::vector<Parameter> parameters() const override { return parts_.learning(); }
  std::vector<int> sites() const override { return config_.state.sites; }
  int levels() const override { return static_cast<int>(config_.state.named); }

  std::vector<Tensor> unroll(const Tensor& token, const std::vector<Tensor>& states, int levels) const override {
    const Tensor context = parts_.norm(parts_.linear(at::cat(states, -1), "state_join"), "state_norm");
    const Tensor anchors = token.narrow(1, 1, token.size(1) - 1).unsqueeze(-1);  // [B,m,1]
    std::vector<int64_t> shape = anchors.sizes().vec();
    shape.back() = config_.state.named;
    const Tensor block = at::cat({anchors, at::full(shape, config_.state.mask_token, token.options())}, -1);
    Tensor x = embedded(block.flatten(1, 2), target_->model());  // [B,m block,H]
    for (int64_t layer = 0; layer < config_.layers; ++layer) {
      x = x + attention(layer, x, context);
      x = x + parts_.feed_forward(x, layer);
    }
    const Tensor all = parts_.norm(x, "final_norm").unflatten(1, {-1, config_.state.named + 1});  // [B,m,block,H]
    std::vector<Tensor> features;
    for (int level = 0; level < levels; ++level)
      features.push_back(all.select(2, level + 1).narrow(1, 0, all.size(1) - level));
    return features;
  }

  Tensor logits(int /*level*/, const Tensor& features) const override { return target_->model().logits(features); }

  void write(const std::filesystem::path& folder) const override {
    write_decoder({.config = config_, .parameters = parts_.detached(), .files = {{"config.json", json_}}}, written_,
                  folder);
  }

 private:
  // By which a file of the kind is told; norms of queries and keys as in Qwen3.
  inline static const std::set<std::string> kNames = {
      "fc.weight", "hidden_norm.weight", "layers.0.self_attn.q_proj.weight", "layers.0.self_attn.q_norm.weight"};

  Parameters begun(uint64_t seed) const {
    Parameters all = initial_parameters(config_, seed);
    keep_last_state(all["state_join.weight"]);
    all["final_norm.weight"] = target_->model().parameters().at("final_norm.weight");
    return all;
  }

  // Of x [B,m block,H]: block i sees states 0 .. i of context [B,n,H] and its own rows.
  Tensor attention(int64_t layer, const Tensor& x, const Tensor& context) const {
    const std::string name = cat("layers.", layer, ".attention.");
    const int64_t n = context.size(1), block = config_.state.named + 1, m = x.size(1) / block;
    std::vector<int64_t> own, of_context(static_cast<size_t>(n));
    for (int64_t i = 0; i < m * block; ++i) own.push_back(i / block + 1 + i % block);
    std::iota(of_context.begin(), of_context.end(), 0);
    const Tensor y = parts_.norm(x, name + "norm");
    const auto keys = [&](const Tensor& from, const std::vector<int64_t>& position) {  // [B,heads,rows,D]
      const Tensor k = parts_.norm(parts_.heads(from, name + "k", config_.kv_heads), name + "k_norm");
      return parts_.repeated(parts_.turned(k, position)).transpose(1, 2);
    };
    const auto values = [&](const Tensor& from) {
      return parts_.repeated(parts_.heads(from, name + "v", config_.kv_heads)).transpose(1, 2).to(at::kFloat);
    };
    const auto in_blocks = [&](const Tensor& rows) { return rows.unflatten(2, {m, block}); };
    const Tensor q =
        parts_.turned(parts_.norm(parts_.heads(y, name + "q", config_.heads), name + "q_norm"), own).transpose(1, 2);
    const double scale = config_.scale_of(layer);
    const Tensor places = at::arange(n, x.options().dtype(at::kLong));
    const Tensor to_come = places.unsqueeze(0) > places.narrow(0, 0, m).unsqueeze(1);  // [m,n]
    const Tensor of_text =
        in_blocks(at::matmul(q, keys(context, of_context).transpose(-2, -1)).to(at::kFloat) * scale)
            .masked_fill(to_come.unsqueeze(1), -std::numeric_limits<float>::infinity());  // [B,heads,m,block,n]
    const Tensor of_block = at::matmul(in_blocks(q), in_blocks(keys(y, own)).transpose(-2, -1)).to(at::kFloat) * scale;
    const Tensor weights = at::softmax(at::cat({of_text, of_block}, -1), -1);
    const Tensor joined = at::matmul(weights.narrow(-1, 0, n).flatten(2, 3), values(context)) +
                          at::matmul(weights.narrow(-1, n, block), in_blocks(values(y))).flatten(2, 3);
    return parts_.linear(joined.transpose(1, 2).flatten(-2), name + "output");
  }

  std::shared_ptr<FrozenTarget> target_;
  std::string json_;
  DecoderConfig config_;
  WrittenDtype written_;
  LayerParts parts_;
};

}  // namespace

std::unique_ptr<DraftNetwork> make_block_head(const BlockHeadShape& shape, std::shared_ptr<FrozenTarget> target,
                                              uint64_t seed, const DecoderTraining& training) {
  const DecoderConfig& config = target->config();
  check_target("block_diffusion", config, shape.sites, 1, config.layers - 1);
  if (shape.sites.empty() && config.layers < 4)
    refuse_target("block_diffusion",
                  cat("it has ", config.layers, " layers; states of 1 .. L - 3 are read unless sites are named"));
  check_mask(shape.mask, config);
  return std::make_unique<BlockHead>(shape, std::move(target), seed, training);
}

}  // namespace specula
