#include "framework/model/reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/xlogy.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "framework/model/checkpoint/checkpoint.h"

namespace specula {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

std::string layer_name(int64_t layer) { return cat("layers.", layer, "."); }

// [count,1,turning]
Tensor angles_of(const RotaryTable& table, const std::vector<int64_t>& position) {
  const int64_t size = table.turning();
  Tensor angles = at::empty({static_cast<int64_t>(position.size()), 1, size}, at::kFloat);
  std::vector<float> scratch(static_cast<size_t>(size));
  float* out = angles.mutable_data_ptr<float>();
  for (const int64_t at : position) out = std::copy_n(table.at(at, scratch.data()), size, out);
  return angles;
}

// [T,T]: zero where a row sees another, of the last `window` (0: all) that come before it.
Tensor chain_mask(int64_t count, int64_t window) {
  Tensor mask = at::full({count, count}, kNever, at::kFloat);
  float* allowed = mask.mutable_data_ptr<float>();
  for (int64_t row = 0; row < count; ++row) {
    const int64_t first = window == 0 ? 0 : std::max<int64_t>(0, row - window + 1);
    std::fill(allowed + row * count + first, allowed + row * count + row + 1, 0.0F);
  }
  return mask;
}

}  // namespace

std::map<std::string, Tensor> read_parameters(const Checkpoint& checkpoint) {
  std::map<std::string, Tensor> parameters;
  for (const TensorSpec& spec : expected_tensors(checkpoint.config())) {
    Tensor tensor = at::empty(spec.shape, at::kFloat);
    checkpoint.read_rows(spec.name, 0, spec.shape.front(), tensor.mutable_data_ptr<float>());
    parameters[spec.name] = tensor;
  }
  return parameters;
}

ReferenceDecoder::ReferenceDecoder(const std::filesystem::path& folder) : ReferenceDecoder(Checkpoint(folder)) {}

ReferenceDecoder::ReferenceDecoder(const Checkpoint& checkpoint)
    : ReferenceDecoder(checkpoint.config(), read_parameters(checkpoint)) {}

ReferenceDecoder::ReferenceDecoder(DecoderConfig config, std::map<std::string, Tensor> parameters)
    : config_(std::move(config)), parameters_(std::move(parameters)) {
  main_ = RotaryTable(config_.rope, config_.turning(), config_.context);
  local_ = RotaryTable(config_.local_rope, config_.turning(), config_.context);
}

Tensor ReferenceDecoder::linear(const Tensor& x, const std::string& name) const {
  const auto bias = parameters_.find(name + ".bias");
  return bias == parameters_.end() ? at::linear(x, weight(name + ".weight"))
                                   : at::linear(x, weight(name + ".weight"), bias->second);
}

// Over the last dimension.
Tensor ReferenceDecoder::norm(const Tensor& x, const std::string& name) const {
  const bool is_rms = config_.norm == NormKind::kRms;
  const Tensor centred = is_rms ? x : x - x.mean(-1, /*keepdim=*/true);
  const Tensor mean_square = centred.pow(2).mean(-1, /*keepdim=*/true);
  const Tensor scaled = centred * at::rsqrt(mean_square + config_.norm_eps) * weight(name + ".weight");
  const auto bias = parameters_.find(name + ".bias");
  return bias == parameters_.end() ? scaled : scaled + bias->second;
}

// Rows hang under their parents; a layer that slides hides what is `window` or more positions back.
ReferenceDecoder::Rows ReferenceDecoder::place(const Tensor& parent, const Tensor& bias) const {
  const int64_t count = parent.size(0);
  Rows rows;
  rows.position.assign(static_cast<size_t>(count), 0);
  const Tensor parents = parent.contiguous();
  const int64_t* above = parents.const_data_ptr<int64_t>();
  const auto mask_of = [&](int64_t window) {
    Tensor mask = at::full({count, count}, kNever, at::kFloat);
    float* allowed = mask.mutable_data_ptr<float>();
    for (int64_t row = 0; row < count; ++row) {
      int64_t back = 0;
      for (int64_t seen = row; seen >= 0; seen = above[seen], ++back) {
        if (window == 0 || back < window) allowed[row * count + seen] = 0;
      }
      rows.position[static_cast<size_t>(row)] = back - 1;
    }
    return (bias.defined() ? mask + bias : mask).to(device());
  };
  for (int64_t row = 0; row < count; ++row)
    SPECULA_CHECK(above[row] >= -1 && above[row] < row, "row ", row, " has parent ", above[row]);
  std::map<int64_t, Tensor> masks;
  for (int64_t l = 0; l < config_.layers; ++l) {
    const int64_t window = config_.window(l);
    if (!masks.contains(window)) masks[window] = mask_of(window);
    rows.windowed.push_back(masks[window]);
  }
  turn(rows);
  return rows;
}

// A mask only where one is needed: without one, attention is a single operator.
ReferenceDecoder::Rows ReferenceDecoder::chain(int64_t count) const {
  Rows rows;
  for (int64_t row = 0; row < count; ++row) rows.position.push_back(row);
  for (int64_t l = 0; l < config_.layers; ++l) {
    const int64_t window = config_.window(l);
    const bool sees_all = window == 0 || window >= count;
    rows.windowed.push_back(sees_all && config_.attention_softcap == 0 ? Tensor()
                                                                       : chain_mask(count, window).to(device()));
  }
  turn(rows);
  return rows;
}

void ReferenceDecoder::turn(Rows& rows) const {
  bool has_local = false;
  for (int64_t l = 0; l < config_.layers; ++l) has_local = has_local || config_.rope_of(l) == LayerRope::kLocal;
  rows.main = angles_of(main_, rows.position).to(device());
  if (has_local) rows.local = angles_of(local_, rows.position).to(device());
}

Tensor ReferenceDecoder::embed(const Tensor& token, const Rows& rows) const {
  Tensor x = at::embedding(weight("embedding.weight"), token) * config_.embedding_scale;
  if (config_.is_projected()) x = linear(x, "embedding_in");
  if (config_.learned_positions > 0) {
    std::vector<int64_t> at = rows.position;
    for (int64_t& position : at) position += config_.position_offset;
    x = x + at::embedding(weight("positions.weight"), at::tensor(at).to(device()));
  }
  return x;
}

// x [...,T,heads,D]: of the dimensions that turn, i turns with i + turning / 2.
Tensor ReferenceDecoder::turned(const Tensor& x, int64_t layer, const Rows& rows) const {
  const LayerRope which = config_.rope_of(layer);
  if (which == LayerRope::kNone) return x;
  const Tensor& angles = which == LayerRope::kLocal ? rows.local : rows.main;
  const int64_t size = angles.size(-1), half = size / 2;
  const Tensor cosine = angles.narrow(-1, 0, half), sine = angles.narrow(-1, half, half);
  const Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half), rest = x.narrow(-1, size, x.size(-1) - size);
  return at::cat({a * cosine - b * sine, b * cosine + a * sine, rest}, -1);
}

// [...,T,count,D] of the queries or keys.
Tensor ReferenceDecoder::heads(const Tensor& x, const std::string& name, const std::string& norm_name,
                               int64_t count) const {
  Tensor all = linear(x, name);
  if (config_.query_key_norm == QueryKeyNorm::kAll) all = norm(all, norm_name);
  all = all.unflatten(-1, {count, config_.head_dim});
  return config_.query_key_norm == QueryKeyNorm::kHead ? norm(all, norm_name) : all;
}

Tensor ReferenceDecoder::attention(const Tensor& x, int64_t layer, const Rows& rows) const {
  const int64_t group = config_.heads / config_.kv_heads;
  const std::string name = layer_name(layer) + "attention.";
  const Tensor query = turned(heads(x, name + "q", name + "q_norm", config_.heads), layer, rows);
  const Tensor key = turned(heads(x, name + "k", name + "k_norm", config_.kv_heads), layer, rows);
  const Tensor value = linear(x, name + "v").unflatten(-1, {config_.kv_heads, config_.head_dim});
  const Tensor q = query.transpose(-3, -2);                               // [...,heads,T,D]
  const Tensor k = key.repeat_interleave(group, -2).transpose(-3, -2);    // [...,heads,T,D]
  const Tensor v = value.repeat_interleave(group, -2).transpose(-3, -2);  // [...,heads,T,D]
  const double scale = config_.scale_of(layer), cap = config_.attention_softcap;
  const Tensor& mask = rows.windowed[static_cast<size_t>(layer)];
  Tensor joined;  // [...,heads,T,D]
  if (!mask.defined()) {
    joined = at::scaled_dot_product_attention(q, k, v, {}, 0.0, /*is_causal=*/true, scale);
  } else {
    Tensor scores = at::matmul(q, k.transpose(-2, -1)) * scale;
    if (cap > 0) scores = at::tanh(scores / cap) * cap;
    const Tensor weights = at::softmax(scores + mask, -1);
    if (rows.entropy != nullptr) rows.entropy->push_back(at::xlogy(weights, weights).sum(-1).neg());
    joined = at::matmul(weights, v);
  }
  return linear(joined.transpose(-3, -2).flatten(-2), name + "output");
}

Tensor ReferenceDecoder::activated(const Tensor& x) const {
  switch (config_.activation) {
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kRelu:
      return at::relu(x);
  }
  SPECULA_CHECK(false, "activation ", static_cast<int>(config_.activation));
}

Tensor ReferenceDecoder::feed_forward(const Tensor& x, const std::string& name) const {
  const Tensor up = linear(x, name + "up");
  return linear(config_.gated ? activated(linear(x, name + "gate")) * up : activated(up), name + "down");
}

Tensor ReferenceDecoder::experts(const Tensor& x, const std::string& name) const {
  const Experts& experts = config_.experts;
  const Tensor all = at::softmax(linear(x, name + "router"), -1);
  auto [weights, chosen] = at::topk(all, experts.top, -1);
  if (experts.renormalised) weights = weights / weights.sum(-1, /*keepdim=*/true);
  Tensor sum = at::zeros_like(x);
  for (int64_t e = 0; e < experts.count; ++e) {  // every expert of every row: slow and plain
    const Tensor weight = (weights * (chosen == e)).sum(-1, /*keepdim=*/true);
    sum = sum + feed_forward(x, cat(name, "experts.", e, ".")) * weight;
  }
  if (experts.shared_intermediate == 0) return sum;
  const Tensor shared = feed_forward(x, name + "shared.");
  return sum + (experts.shared_gate ? at::sigmoid(linear(x, name + "shared_gate")) * shared : shared);
}

Tensor ReferenceDecoder::mlp(const Tensor& x, int64_t layer) const {
  const std::string name = layer_name(layer) + "mlp.";
  return config_.is_sparse(layer) ? experts(x, name) : feed_forward(x, name);
}

Tensor ReferenceDecoder::layer(const Tensor& x, int64_t index, const Rows& rows) const {
  const std::string attention_name = layer_name(index) + "attention.", mlp_name = layer_name(index) + "mlp.";
  const NormPlaces& places = config_.places;
  const auto before = [&](const Tensor& y, const std::string& name) {
    return places.before ? norm(y, name + "norm") : y;
  };
  if (places.parallel) {
    const Tensor normed = before(x, attention_name);
    return x + attention(normed, index, rows) + mlp(places.shared ? normed : before(x, mlp_name), index);
  }
  const auto joined = [&](const Tensor& y, const Tensor& block, const std::string& name) {
    if (places.sum) return norm(y + block, name + "post_norm");
    return y + (places.after ? norm(block, name + "post_norm") : block);
  };
  const Tensor y = joined(x, attention(before(x, attention_name), index, rows), attention_name);
  return joined(y, mlp(before(y, mlp_name), index), mlp_name);
}

Tensor ReferenceDecoder::logits(const Tensor& x) const {
  const Tensor y = config_.is_projected() ? linear(x, "embedding_out") : x;
  const Tensor logits = config_.tied ? at::linear(y, weight("embedding.weight")) : linear(y, "head");
  const double cap = config_.logits_softcap;
  return cap > 0 ? at::tanh(logits / cap) * cap : logits;
}

ReferenceDecoder::Output ReferenceDecoder::forward(const Tensor& token, const Tensor& parent,
                                                   const std::vector<int>& sites, const Tensor& bias) const {
  Dims dims;
  dims.check(token, "token", "T");
  dims.check(parent, "parent", "T");
  if (bias.defined()) dims.check(bias, "bias", "T T");
  const Rows rows = place(parent, bias);
  Output output;
  std::vector<Tensor> states;  // by site
  Tensor x = embed(token, rows);
  for (int64_t l = 0; l < config_.layers; ++l) {
    states.push_back(x);
    x = layer(x, l, rows);
  }
  states.push_back(x);
  states.push_back(final_norm(x));
  output.logits = logits(states.back());
  std::vector<Tensor> asked;
  for (const int site : sites) asked.push_back(states.at(static_cast<size_t>(site)));
  if (!asked.empty()) output.hidden = at::stack(asked, 1);
  return output;
}

std::vector<Tensor> ReferenceDecoder::states(const Tensor& token, const std::vector<int>& sites,
                                             const Rows& rows) const {
  Dims dims;
  dims.check(token, "token", "B T");
  const int last = sites.empty() ? -1 : *std::max_element(sites.begin(), sites.end());
  std::vector<Tensor> all;  // by site, as far as is asked
  Tensor x = embed(token, rows);
  for (int64_t l = 0; l < config_.layers && last >= static_cast<int>(l); ++l) {
    all.push_back(x);
    if (last > static_cast<int>(l)) x = layer(x, l, rows);
  }
  all.push_back(x);
  if (last == last_site()) all.push_back(final_norm(x));
  std::vector<Tensor> asked;
  for (const int site : sites) asked.push_back(all.at(static_cast<size_t>(site)));
  return asked;
}

Tensor ReferenceDecoder::final_states(const Tensor& token, const Tensor& parent) const {
  return states(token, {last_site()}, parent.defined() ? place(parent, {}) : chain(token.size(1))).front();
}

Tensor ReferenceDecoder::final_norm(const Tensor& x) const { return config_.final_norm ? norm(x, "final_norm") : x; }

Tensor ReferenceDecoder::run_layer(const Tensor& x, int64_t index) const { return layer(x, index, chain(x.size(1))); }

Tensor ReferenceDecoder::attention_entropy(const Tensor& token, const Tensor& parent) const {
  Dims dims;
  dims.check(token, "token", "T");
  dims.check(parent, "parent", "T");
  Rows rows = place(parent, {});
  std::vector<Tensor> by_layer;
  rows.entropy = &by_layer;
  Tensor x = embed(token, rows);
  for (int64_t l = 0; l < config_.layers; ++l) x = layer(x, l, rows);
  return at::stack(by_layer);
}

}  // namespace specula
