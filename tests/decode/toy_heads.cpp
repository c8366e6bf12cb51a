#include "tests/decode/toy_heads.h"

#include <algorithm>
#include <map>

#include "framework/core/error.h"
#include "framework/model/random_model.h"
#include "framework/model/threads.h"
#include "tests/decode/toy_corpus.h"

namespace specula::testing {
namespace {

constexpr int64_t kHidden = 4, kLayers = 4;  // of the hash model
constexpr int64_t kInner = 8;                // of a layer's feed-forward block
constexpr int64_t kSteps = 6;                // tokens that stepping heads name

std::string layer_config(int64_t vocab, const std::string& more = "") {
  return cat(R"({"architectures": ["LlamaForCausalLM"], "vocab_size": )", vocab, R"(, "hidden_size": )", kHidden,
             R"(, "intermediate_size": )", kInner,
             R"(, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
              "max_position_embeddings": 4096)",
             more, "}");
}

TensorSpec tensor(const std::string& name, const std::vector<int64_t>& shape) {
  return {.name = name, .shape = shape, .stored = name, .stored_shape = shape};
}

std::vector<TensorSpec> medusa_tensors(int64_t vocab) {
  std::vector<TensorSpec> all;
  for (int64_t h = 0; h < kSteps; ++h) {
    all.push_back(tensor(cat(h, ".0.linear.weight"), {kHidden, kHidden}));
    all.push_back(tensor(cat(h, ".0.linear.bias"), {kHidden}));
    all.push_back(tensor(cat(h, ".1.weight"), {vocab, kHidden}));
  }
  return all;
}

std::vector<TensorSpec> hydra_tensors(int64_t vocab) {
  std::vector<TensorSpec> all;
  for (int64_t h = 0; h < kSteps; ++h) {
    for (const char* part : {"linear", "res_connection"})
      all.push_back(tensor(cat("hydra_mlp.", h, ".0.", part, ".weight"), {kHidden, kHidden * (h + 2)}));
    all.push_back(tensor(cat("hydra_lm_head.", h, ".weight"), {vocab, kHidden}));
    all.push_back(tensor(cat("hydra_lm_head.", h, ".bias"), {vocab}));
  }
  return all;
}

std::vector<TensorSpec> hydra_prefix_tensors(int64_t vocab) {
  std::vector<TensorSpec> all = hydra_tensors(vocab);
  const std::string prefix = "prefix_embeding_layer.", layer = prefix + "layers.0.";
  for (const char* name : {"q", "k", "v", "o"})
    all.push_back(tensor(cat(layer, "self_attn.", name, "_proj.weight"), {kHidden, kHidden}));
  for (const char* name : {"gate", "up"})
    all.push_back(tensor(cat(layer, "mlp.", name, "_proj.weight"), {kInner, kHidden}));
  all.push_back(tensor(layer + "mlp.down_proj.weight", {kHidden, kInner}));
  for (const std::string& name : {layer + "input_layernorm", layer + "post_attention_layernorm", prefix + "norm"})
    all.push_back(tensor(name + ".weight", {kHidden}));
  return all;
}

std::vector<TensorSpec> speculator_tensors(int64_t vocab) {
  constexpr int64_t kState = 6;
  std::vector<TensorSpec> all;
  for (int64_t k = 0; k < kSteps; ++k) {
    all.push_back(tensor(cat("emb.", k, ".weight"), {vocab, kState}));
    all.push_back(tensor(cat("proj.", k, ".weight"), {kState, k == 0 ? kHidden : kState}));
    all.push_back(tensor(cat("head.", k, ".weight"), {vocab, kState}));
    all.push_back(tensor(cat("ln.", k, ".weight"), {kState}));
    all.push_back(tensor(cat("ln.", k, ".bias"), {kState}));
  }
  return all;
}

void write_head(const std::string& kind, int64_t vocab, const std::string& folder) {
  const auto steps = [&](const std::string& config, const std::vector<TensorSpec>& tensors) {
    write_random_tensors(folder, config, tensors, 4, Dtype::kFloat32);
  };
  const auto layer = [&](const std::set<std::string>& names, const std::string& more = "") {
    write_random_model(folder, layer_config(vocab, more), 4, Dtype::kFloat32, names);
  };
  if (kind == "medusa") return steps(R"({"medusa_num_heads": 2, "medusa_num_layers": 1})", medusa_tensors(vocab));
  if (kind == "hydra") return steps(cat(R"({"hydra_num_heads": )", kSteps, "}"), hydra_tensors(vocab));
  if (kind == "hydra_prefix")
    return steps(cat(R"({"hydra_num_heads": )", kSteps, R"(, "hydra_head_arch": "prefix-mlp"})"),
                 hydra_prefix_tensors(vocab));
  if (kind == "mlp_speculator")
    return steps(cat(R"({"model_type": "mlp_speculator", "scale_input": true, "n_predict": )", kSteps, "}"),
                 speculator_tensors(vocab));
  if (kind == "eagle") return layer({"fc.weight", "fc.bias", "layers.0.mlp.down_proj.weight"});
  // The hash model has 4 layers; its states of layers 2, 2 and 1 are joined.
  if (kind == "eagle3") return layer({"fc.weight", "midlayer.hidden_norm.weight", "lm_head.weight"});
  if (kind == "peagle")
    return layer({"fc.weight", "layers.0.hidden_norm.weight", "lm_head.weight", "mask_hidden"},
                 cat(R"(, "num_hidden_layers": 2, "ptd_token_id": 0, "para_depths": )", kSteps));
  if (kind == "block_diffusion")
    return layer(
        {"fc.weight", "hidden_norm.weight", "layers.0.self_attn.q_proj.weight", "layers.0.self_attn.q_norm.weight"},
        cat(R"(, "num_hidden_layers": 2, "num_target_layers": 6, "block_size": )", kSteps + 1,
            R"(, "dflash_config": {"mask_token_id": 0})"));
  if (kind == "kangaroo") return layer({"layers.0.self_attn.q_proj.weight", "norm.weight"});
  SPECULA_CHECK(kind == "mtp", "no toy head of kind ", kind);
  layer({"mtp.fc.weight"});
}

}  // namespace

const LoadedModel& toy_llama(int64_t vocab) {
  static std::map<int64_t, std::unique_ptr<LoadedModel>> models;
  auto& model = models[vocab];
  if (model == nullptr) {
    set_threads(1);  // a pass of five numbers is not to be shared
    const std::string folder = cat(toy_folder(), "/target-", vocab);
    DecoderConfig config;
    config.vocab = vocab;
    config.hidden = config.head_dim = kHidden;
    config.intermediate = kInner;
    config.layers = kLayers;
    config.heads = config.kv_heads = 1;
    config.context = 4096;
    write_random_llama(folder, config, 3, Dtype::kFloat32);
    model = load_model(folder, {});
  }
  return *model;
}

std::vector<std::string> toy_head_kinds() {
  return {"medusa", "hydra", "mlp_speculator", "eagle",           "eagle3",
          "peagle", "mtp",   "kangaroo",       "block_diffusion", "hydra_prefix"};
}

const LanguageModel& toy_head(const std::string& kind, int64_t vocab) {
  static std::map<std::string, std::unique_ptr<LoadedModel>> heads;
  auto& head = heads[cat(kind, " ", vocab)];
  if (head == nullptr) {
    const std::string folder = cat(toy_folder(), "/", kind, "-", vocab);
    write_head(kind, vocab, folder);
    head = load_model(folder, {.target = &toy_llama(vocab)});
  }
  return *head;
}

}  // namespace specula::testing
