#include "framework/train/step_head.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "framework/core/error.h"
#include "framework/train/layer_parts.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

// What the three share: parameters by the names of their files.
class StepHead : public HeadNetwork {
 public:
  StepHead(const StepHeadShape& shape, std::shared_ptr<FrozenTarget> target, uint64_t seed,
           const DecoderTraining& training)
      : shape_(shape), target_(std::move(target)), seed_(seed), training_(training) {}

  std::vector<Parameter> parameters() const override { return parameters_; }
  std::vector<int> sites() const override { return {target_->model().last_site()}; }
  int levels() const override { return shape_.levels; }
  Tensor join(const std::vector<Tensor>& states) const override { return states.front(); }

  void write(const std::filesystem::path& folder) const override {
    ConvertedModel model{.files = {{"config.json", config().dump(2) + "\n"}}};
    for (const Parameter& parameter : parameters_) {
      const Tensor whole = parameter.tensor.detach().to(at::kCPU, at::kFloat).contiguous();
      model.weights.push_back({.name = parameter.name,
                               .dtype = safetensors_dtype(training_.written, "F32"),
                               .shape = whole.sizes().vec(),
                               .read = [whole](int64_t first, int64_t count, float* out) {
                                 const int64_t size = whole.size(-1);
                                 std::copy_n(whole.const_data_ptr<float>() + first * size, count * size, out);
                               }});
    }
    write_model(model, folder);
  }

 protected:
  virtual Json config() const = 0;

  int64_t hidden() const { return target_->config().hidden; }
  int64_t vocab() const { return target_->config().vocab; }
  const StepHeadShape& shape() const { return shape_; }
  const FrozenTarget& target() const { return *target_; }

  void add(const std::string& name, const Tensor& begun) {
    parameters_.push_back({name, begun.detach().to(training_.device, at::kFloat).clone().requires_grad_()});
  }
  void add_random(const std::string& name, int64_t outputs, int64_t inputs) {
    add(name, random_matrix(outputs, inputs, seed_, static_cast<int64_t>(parameters_.size())));
  }
  void add_zeros(const std::string& name, const std::vector<int64_t>& shape) { add(name, at::zeros(shape)); }
  // The target's own head, which names the next token: what all output heads begin as.
  Tensor target_output() const {
    return target_->model().parameters().at(target_->config().tied ? "embedding.weight" : "head.weight");
  }
  Tensor embedded(const Tensor& token) const { return specula::embedded(token, target_->model()); }

  const Tensor& weight(const std::string& name) const {
    for (const Parameter& parameter : parameters_) {
      if (parameter.name == name) return parameter.tensor;
    }
    SPECULA_CHECK(false, "no parameter ", name);
  }
  Tensor linear(const Tensor& x, const std::string& name, bool has_bias) const {
    return at::linear(x, weight(name + ".weight"), has_bias ? weight(name + ".bias") : Tensor());
  }

 private:
  StepHeadShape shape_;
  std::shared_ptr<FrozenTarget> target_;
  uint64_t seed_;
  DecoderTraining training_;
  std::vector<Parameter> parameters_;
};

class Medusa final : public StepHead {
 public:
  Medusa(const StepHeadShape& shape, std::shared_ptr<FrozenTarget> target, uint64_t seed,
         const DecoderTraining& training)
      : StepHead(shape, std::move(target), seed, training) {
    for (int h = 0; h < shape.levels; ++h) {
      for (int block = 0; block < shape.blocks; ++block) {  // which begin as what they are added to
        add_zeros(cat(h, ".", block, ".linear.weight"), {hidden(), hidden()});
        add_zeros(cat(h, ".", block, ".linear.bias"), {hidden()});
      }
      if (!shape.shared_output) add(cat(h, ".", shape.blocks, ".weight"), target_output());
    }
  }

  Level run(int level, const Tensor& token, const Tensor& carried, Kept& /*kept*/) const override {
    const Tensor state = carried.narrow(1, 0, token.size(1));
    Tensor x = state;
    for (int block = 0; block < shape().blocks; ++block)
      x = x + at::silu(linear(x, cat(level, ".", block, ".linear"), true));
    return {.features = x, .carried = state};
  }
  Tensor logits(int level, const Tensor& features) const override {
    if (shape().shared_output) return target().model().logits(features);
    return linear(features, cat(level, ".", shape().blocks), false);
  }

 private:
  Json config() const override {
    Json json = {{"medusa_num_heads", shape().levels},
                 {"medusa_num_layers", shape().blocks},
                 {"hidden_size", hidden()},
                 {"vocab_size", vocab()}};
    if (shape().shared_output) json["shared_lm_head"] = true;
    return json;
  }
};

class Hydra final : public StepHead {
 public:
  Hydra(const StepHeadShape& shape, std::shared_ptr<FrozenTarget> target, uint64_t seed,
        const DecoderTraining& training)
      : StepHead(shape, std::move(target), seed, training) {
    if (shape.prefix) add_prefix(seed);
    for (int h = 0; h < shape.levels; ++h) {
      const std::string mlp = cat("hydra_mlp.", h, ".");
      for (const char* part : {"0.linear", "0.res_connection"}) {
        add_random(cat(mlp, part, ".weight"), hidden(), hidden() * (h + 2));
        add_zeros(cat(mlp, part, ".bias"), {hidden()});
      }
      for (int block = 1; block < shape.blocks; ++block) {
        add_zeros(cat(mlp, block, ".linear.weight"), {hidden(), hidden()});
        add_zeros(cat(mlp, block, ".linear.bias"), {hidden()});
      }
      add(cat("hydra_lm_head.", h, ".weight"), target_output());
      add_zeros(cat("hydra_lm_head.", h, ".bias"), {vocab()});
    }
  }

  Tensor join(const std::vector<Tensor>& states) const override {
    if (!prefix_.has_value()) return states.front();
    return prefix_->final_norm(prefix_->run_layer(states.front(), 0));
  }

  Level run(int level, const Tensor& token, const Tensor& carried, Kept& /*kept*/) const override {
    const Tensor x = at::cat({carried.narrow(1, 0, token.size(1)), embedded(token)}, -1);
    const std::string mlp = cat("hydra_mlp.", level, ".");
    Tensor y = linear(x, mlp + "0.res_connection", true) + at::silu(linear(x, mlp + "0.linear", true));
    for (int block = 1; block < shape().blocks; ++block) y = y + at::silu(linear(y, cat(mlp, block, ".linear"), true));
    return {.features = y, .carried = x};
  }
  Tensor logits(int level, const Tensor& features) const override {
    return linear(features, cat("hydra_lm_head.", level), true);
  }

 private:
  Json config() const override {
    return {{"hydra_num_heads", shape().levels},
            {"hydra_num_layers", shape().blocks},
            {"hydra_head_arch", prefix_.has_value() ? "prefix-mlp" : "mlp"},
            {"grounded_heads", true}};
  }

  // A layer of the target's sizes and the norm behind it, by the names of the files.
  void add_prefix(uint64_t seed) {
    DecoderConfig config = target().config();
    if (config.architecture != "LlamaForCausalLM")
      throw ConfigError(cat("prefix: the layer is a Llama's, but the target is a ", config.architecture));
    config.layers = 1;
    const Parameters begun = initial_parameters(config, seed);
    Parameters layer;
    for (const TensorSpec& spec : expected_tensors(config)) {
      if (!spec.name.starts_with("layers.") && !spec.name.starts_with("final_norm.")) continue;
      const std::string usual = "model.", stored = "prefix_embeding_layer." + spec.stored.substr(usual.size());
      add(stored, begun.at(spec.name));
      layer[spec.name] = weight(stored);
    }
    prefix_.emplace(std::move(config), std::move(layer));
  }

  std::optional<ReferenceDecoder> prefix_;
};

class Speculator final : public StepHead {
 public:
  Speculator(const StepHeadShape& shape, std::shared_ptr<FrozenTarget> target, uint64_t seed,
             const DecoderTraining& training)
      : StepHead(shape, std::move(target), seed, training), inner_(shape.inner > 0 ? shape.inner : hidden()) {
    for (int k = 0; k < shape.levels; ++k) {
      add_random(cat("emb.", k, ".weight"), vocab(), inner_);
      add_random(cat("proj.", k, ".weight"), inner_, k == 0 ? hidden() : inner_);
      if (inner_ == hidden()) {
        add(cat("head.", k, ".weight"), target_output());
      } else {
        add_random(cat("head.", k, ".weight"), vocab(), inner_);
      }
      add(cat("ln.", k, ".weight"), at::ones({inner_}));
      add_zeros(cat("ln.", k, ".bias"), {inner_});
    }
    const double state_weight = std::pow(0.5, 0.5 / double(shape.levels));
    token_weight_ = std::sqrt((1 - state_weight * state_weight) * double(inner_) / 2) / state_weight;
  }

  Tensor join(const std::vector<Tensor>& states) const override { return normed(states.front()) / std::sqrt(2.0); }

  Level run(int level, const Tensor& token, const Tensor& carried, Kept& /*kept*/) const override {
    const Tensor taken = linear(carried.narrow(1, 0, token.size(1)), cat("proj.", level), false) +
                         at::embedding(weight(cat("emb.", level, ".weight")), token) * token_weight_;
    const Tensor state =
        at::gelu(normed(taken) * weight(cat("ln.", level, ".weight")) + weight(cat("ln.", level, ".bias")));
    return {.features = state, .carried = state};
  }
  Tensor logits(int level, const Tensor& features) const override {
    return linear(features, cat("head.", level), false);
  }

 private:
  static Tensor normed(const Tensor& given) {
    const Tensor x = given.to(at::kFloat);
    return x * at::rsqrt(x.pow(2).mean(-1, /*keepdim=*/true) + 1e-6);
  }
  Json config() const override {
    return {{"model_type", "mlp_speculator"},
            {"n_predict", shape().levels},
            {"inner_dim", inner_},
            {"scale_input", true},
            {"tie_weights", false}};
  }

  int64_t inner_;
  double token_weight_ = 0;
};

}  // namespace

std::unique_ptr<HeadNetwork> make_step_head(const StepHeadShape& shape, std::shared_ptr<FrozenTarget> target,
                                            uint64_t seed, const DecoderTraining& training) {
  if (shape.kind == "medusa") return std::make_unique<Medusa>(shape, std::move(target), seed, training);
  if (shape.kind == "hydra") return std::make_unique<Hydra>(shape, std::move(target), seed, training);
  SPECULA_CHECK(shape.kind == "mlp_speculator", "no head of kind ", shape.kind);
  return std::make_unique<Speculator>(shape, std::move(target), seed, training);
}

}  // namespace specula
