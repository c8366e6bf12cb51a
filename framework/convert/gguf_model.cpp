#include "framework/convert/gguf_model.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "framework/convert/gguf_tokenizer.h"
#include "framework/convert/model_shape.h"
#include "framework/convert/rotary_order.h"
#include "framework/core/error.h"

namespace specula {
namespace {

struct Architecture {
  std::string name, hugging_face, model_type;
  bool neighbours;  // queries and keys are stored for the rotation of neighbours
  bool query_bias;  // biases of queries, keys and values are a part of the architecture, none of the output
  bool head_norms;  // queries and keys are normalised head by head
};
const std::vector<Architecture> kArchitectures = {
    {"llama", "LlamaForCausalLM", "llama", true, false, false},
    {"qwen2", "Qwen2ForCausalLM", "qwen2", false, true, false},
    {"qwen3", "Qwen3ForCausalLM", "qwen3", false, false, true},
};

const Architecture& architecture_of(const GgufFile& file) {
  const std::string& name = file.text("general.architecture");
  for (const Architecture& known : kArchitectures) {
    if (known.name == name) return known;
  }
  file.fail(cat("architecture '", name, "' cannot be converted; valid: ", join(gguf_architectures())));
}

// Collects the tensors of a model: those it needs, those it lacks, those that nobody asked for.
class Mapper {
 public:
  Mapper(const GgufFile& file, WrittenDtype dtype) : file_(file), dtype_(dtype) {
    for (const GgufTensor& tensor : file.tensors()) tensors_.emplace(tensor.name, &tensor);
  }

  bool has(const std::string& name) const { return tensors_.contains(name); }
  const GgufTensor* find(const std::string& name) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) return nullptr;
    used_.insert(name);
    return found->second;
  }

  void map(const std::string& from, const std::string& to, std::vector<int64_t> shape, RowOrder order = {}) {
    const GgufTensor* tensor = find(from);
    if (tensor == nullptr) {
      missing_.push_back(cat("'", from, "'"));
      return;
    }
    check(*tensor, shape);
    ReadRows read = [this_file = &file_, tensor](int64_t first, int64_t count, float* out) {
      this_file->read_rows(*tensor, first, count, out);
    };
    if (order.head_dim > 0) read = in_halves(read, shape, order.head_dim);
    weights_.push_back({to, safetensors_dtype(dtype_, tensor->format->name), std::move(shape), std::move(read)});
  }

  void zeros(const std::string& to, std::vector<int64_t> shape) {
    const int64_t size = shape.back();
    weights_.push_back({to, safetensors_dtype(dtype_, "F32"), std::move(shape),
                        [size](int64_t, int64_t count, float* out) { std::fill(out, out + count * size, 0.0f); }});
  }

  std::vector<Weight> finish() {
    constexpr size_t kShown = 4;
    if (!missing_.empty()) {
      const size_t all = missing_.size();
      missing_.resize(std::min(all, kShown));
      file_.fail(cat(all, all == 1 ? " tensor is" : " tensors are", " missing: ", join(missing_),
                     all > kShown ? ", ..." : ""));
    }
    for (const GgufTensor& tensor : file_.tensors()) {
      if (!used_.contains(tensor.name))
        file_.fail(cat("unexpected tensor '", tensor.name, "'; a model of this architecture has ", used_.size(),
                       " tensors and not this one"));
    }
    return std::move(weights_);
  }

 private:
  void check(const GgufTensor& tensor, const std::vector<int64_t>& shape) const {
    if (tensor.shape == shape) return;
    const auto text = [](const std::vector<int64_t>& sizes) {
      std::vector<std::string> words;
      for (const int64_t size : sizes) words.push_back(cat(size));
      return cat("[", join(words), "]");
    };
    file_.fail(cat("tensor '", tensor.name, "' has shape ", text(tensor.shape), "; the metadata asks for ", text(shape),
                   " (outermost first)"));
  }

  const GgufFile& file_;
  WrittenDtype dtype_;
  std::map<std::string, const GgufTensor*> tensors_;
  std::set<std::string> used_;
  std::vector<std::string> missing_;
  std::vector<Weight> weights_;
};

// A size that newer files may give layer by layer: all must be equal.
int64_t uniform(const GgufFile& file, const std::string& key, int64_t most) {
  const auto found = file.metadata().find(key);
  const auto* sizes = found == file.metadata().end() ? nullptr : std::get_if<std::vector<int64_t>>(&found->second);
  if (sizes == nullptr) return file.integer(key, 1, most);
  if (sizes->empty() || std::any_of(sizes->begin(), sizes->end(), [&](int64_t size) { return size != sizes->front(); }))
    file.fail(cat("metadata '", key, "' differs from layer to layer, which cannot be converted"));
  if (sizes->front() < 1 || sizes->front() > most)
    file.fail(cat("metadata '", key, "' is ", sizes->front(), "; valid: 1..", most));
  return sizes->front();
}

void refuse_variants(const GgufFile& file, const std::string& prefix, int64_t context) {
  const int64_t parts = file.integer_or("split.count", 1, 0, 1 << 16);
  if (parts > 1) file.fail(cat("is one of ", parts, " parts of a model; expected one file (llama-gguf-split --merge)"));
  if (file.integer_or(prefix + "expert_count", 0, 0, 1 << 20) > 0)
    file.fail("a mixture of experts cannot be converted; valid: models with one feed-forward network a layer");
  const int64_t window = file.integer_or(prefix + "attention.sliding_window", 0, 0, int64_t{1} << 40);
  if (window > 0 && window < context)
    file.fail(cat("attention within a window of ", window, " tokens cannot be converted (context ", context, ")"));
}

RotaryScaling read_scaling(const GgufFile& file, const std::string& prefix) {
  const std::string key = prefix + "rope.scaling.type";
  const std::string type = file.has(key) ? file.text(key) : "none";
  if (type != "none" && type != "linear")
    file.fail(cat("metadata '", key, "' is '", type, "', which cannot be converted; valid: none, linear"));
  const char* older = "rope.scale_linear";
  const double factor = file.number_or(prefix + (type == "linear" ? "rope.scaling.factor" : older), 1, 1, 1e6);
  if (factor == 1) return {};
  return {.type = RotaryScaling::Type::kLinear, .factor = factor};
}

ModelShape read_shape(const GgufFile& file, const Architecture& architecture) {
  const std::string prefix = architecture.name + ".";
  ModelShape shape;
  shape.architecture = architecture.hugging_face;
  shape.model_type = architecture.model_type;
  shape.hidden = file.integer(prefix + "embedding_length", 1, kMostHidden);
  shape.layers = file.integer(prefix + "block_count", 1, kMostLayers);
  shape.intermediate = uniform(file, prefix + "feed_forward_length", kMostIntermediate);
  shape.heads = uniform(file, prefix + "attention.head_count", kMostHeads);
  const std::string kv_key = prefix + "attention.head_count_kv";
  shape.kv_heads = file.has(kv_key) ? uniform(file, kv_key, kMostHeads) : shape.heads;
  const std::string head_key = prefix + "attention.key_length";
  if (!file.has(head_key) && shape.hidden % shape.heads != 0)
    file.fail(cat("metadata '", head_key, "' is missing, and ", shape.heads, " heads do not divide ", shape.hidden));
  shape.head_dim = file.integer_or(head_key, std::max<int64_t>(1, shape.hidden / shape.heads), 1, kMostHeadDim);
  for (const char* key : {"attention.value_length", "rope.dimension_count"}) {
    if (file.integer_or(prefix + key, shape.head_dim, 1, int64_t{1} << 40) != shape.head_dim)
      file.fail(cat("metadata '", prefix, key, "' must be the size of a head, ", shape.head_dim));
  }
  shape.context = file.integer_or(prefix + "context_length", 2048, 1, kMostContext);
  shape.rms_norm_eps = file.number(prefix + "attention.layer_norm_rms_epsilon", 0, 1);
  shape.rope_theta = file.number_or(prefix + "rope.freq_base", 10000, 1e-3, 1e12);
  shape.scaling = read_scaling(file, prefix);
  refuse_variants(file, prefix, shape.context);
  check_shape(shape, file.path());
  return shape;
}

// float32 metadata holds 9.999999747e-06 where 1e-05 was meant.
double shortest(double value) {
  const auto narrow = static_cast<float>(value);
  for (int digits = 1; digits < 9; ++digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    const double rounded = std::strtod(text, nullptr);
    if (static_cast<float>(rounded) == narrow) return rounded;
  }
  return value;
}

void read_rope_factors(const GgufFile& file, Mapper& mapper, ModelShape& shape) {
  const GgufTensor* tensor = mapper.find("rope_freqs.weight");
  if (tensor == nullptr) return;
  if (tensor->shape != std::vector<int64_t>{shape.head_dim / 2})
    file.fail(cat("tensor 'rope_freqs.weight' must hold ", shape.head_dim / 2, " factors, half the size of a head"));
  std::vector<float> factors(static_cast<size_t>(shape.head_dim / 2));
  file.read_rows(*tensor, 0, 1, factors.data());
  const auto rule = rule_of_factors(factors, shape);
  if (!rule.has_value() || shape.scaling.type != RotaryScaling::Type::kNone) {
    file.fail(
        "tensor 'rope_freqs.weight' holds factors that no rule of config.json gives; valid: those of 'linear' "
        "and 'llama3', and no other scaling beside them");
  }
  shape.scaling = *rule;
}

void map_layer(Mapper& mapper, const Architecture& architecture, const ModelShape& shape, int64_t layer) {
  const std::string from = cat("blk.", layer, "."), to = cat("model.layers.", layer, ".");
  const int64_t query = shape.heads * shape.head_dim, key = shape.kv_heads * shape.head_dim;
  const RowOrder rotated{architecture.neighbours ? shape.head_dim : 0};
  mapper.map(from + "attn_norm.weight", to + "input_layernorm.weight", {shape.hidden});
  const auto attention = [&](const char* part, const char* name, int64_t outputs, RowOrder order) {
    mapper.map(cat(from, part, ".weight"), cat(to, "self_attn.", name, ".weight"), {outputs, shape.hidden}, order);
    if (shape.attention_bias || architecture.query_bias)
      mapper.map(cat(from, part, ".bias"), cat(to, "self_attn.", name, ".bias"), {outputs}, order);
  };
  attention("attn_q", "q_proj", query, rotated);
  attention("attn_k", "k_proj", key, rotated);
  attention("attn_v", "v_proj", key, {});
  mapper.map(from + "attn_output.weight", to + "self_attn.o_proj.weight", {shape.hidden, query});
  if (mapper.has(from + "attn_output.bias") && shape.attention_bias) {
    mapper.map(from + "attn_output.bias", to + "self_attn.o_proj.bias", {shape.hidden});
  } else if (shape.attention_bias) {  // config.json knows such biases of all four only
    mapper.zeros(to + "self_attn.o_proj.bias", {shape.hidden});
  }
  if (architecture.head_norms) {
    mapper.map(from + "attn_q_norm.weight", to + "self_attn.q_norm.weight", {shape.head_dim});
    mapper.map(from + "attn_k_norm.weight", to + "self_attn.k_norm.weight", {shape.head_dim});
  }
  mapper.map(from + "ffn_norm.weight", to + "post_attention_layernorm.weight", {shape.hidden});
  mapper.map(from + "ffn_gate.weight", to + "mlp.gate_proj.weight", {shape.intermediate, shape.hidden});
  mapper.map(from + "ffn_up.weight", to + "mlp.up_proj.weight", {shape.intermediate, shape.hidden});
  mapper.map(from + "ffn_down.weight", to + "mlp.down_proj.weight", {shape.hidden, shape.intermediate});
}

}  // namespace

std::vector<std::string> gguf_architectures() {
  std::vector<std::string> names;
  for (const Architecture& known : kArchitectures) names.push_back(known.name);
  return names;
}

ConvertedModel convert_gguf(const GgufFile& file, WrittenDtype dtype) {
  const Architecture& architecture = architecture_of(file);
  ModelShape shape = read_shape(file, architecture);
  shape.rms_norm_eps = shortest(shape.rms_norm_eps);
  shape.rope_theta = shortest(shape.rope_theta);
  Mapper mapper(file, dtype);
  const GgufTensor* embedding = mapper.find("token_embd.weight");
  if (embedding == nullptr) file.fail("tensor 'token_embd.weight' is missing");
  shape.vocab = embedding->rows();
  if (shape.vocab > kMostVocab) file.fail(cat("a vocabulary of ", shape.vocab, "; valid: 1..", kMostVocab));
  shape.dtype = safetensors_dtype(dtype, embedding->format->name);
  shape.attention_bias = !architecture.query_bias && mapper.has("blk.0.attn_q.bias");
  shape.tied = !mapper.has("output.weight");
  read_rope_factors(file, mapper, shape);
  mapper.map("token_embd.weight", "model.embed_tokens.weight", {shape.vocab, shape.hidden});
  for (int64_t layer = 0; layer < shape.layers; ++layer) map_layer(mapper, architecture, shape, layer);
  mapper.map("output_norm.weight", "model.norm.weight", {shape.hidden});
  if (!shape.tied) mapper.map("output.weight", "lm_head.weight", {shape.vocab, shape.hidden});
  ConvertedModel model;
  model.weights = mapper.finish();
  model.files = gguf_tokenizer(file, shape);  // also says which tokens begin and end a text
  model.files.push_back({"config.json", config_json(shape)});
  return model;
}

}  // namespace specula
