#include "framework/model/reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/model/checkpoint/checkpoint.h"

namespace specula {
namespace {

// x [T,heads,D]: dimension i turns with dimension i + D/2.
Tensor rotated(const Tensor& x, const Tensor& cosine, const Tensor& sine) {
  const int64_t half = x.size(2) / 2;
  const Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
  return at::cat({a * cosine - b * sine, b * cosine + a * sine}, 2);
}

}  // namespace

ReferenceLlama::ReferenceLlama(const std::filesystem::path& folder) {
  const Checkpoint checkpoint(folder);
  config_ = checkpoint.config();
  for (const TensorSpec& spec : expected_tensors(config_)) {
    Tensor tensor = at::empty(spec.shape, at::kFloat);
    checkpoint.read_rows(spec.name, 0, spec.shape.front(), tensor.mutable_data_ptr<float>());
    parameters_[spec.name] = tensor;
  }
}

Tensor ReferenceLlama::weight(const std::string& name) const { return parameters_.at(name); }

Tensor ReferenceLlama::linear(const Tensor& x, const std::string& name, bool bias) const {
  return bias ? at::linear(x, weight(name + ".weight"), weight(name + ".bias"))
              : at::linear(x, weight(name + ".weight"));
}

Tensor ReferenceLlama::norm(const Tensor& x, const std::string& name) const {
  const Tensor mean_square = x.pow(2).mean(-1, /*keepdim=*/true);
  return x * at::rsqrt(mean_square + config_.rms_norm_eps) * weight(name + ".weight");
}

Tensor ReferenceLlama::attention(const Tensor& x, const std::string& prefix, const Tensor& position,
                                 const Tensor& mask) const {
  const int64_t rows = x.size(0), d = config_.head_dim, group = config_.heads / config_.kv_heads;
  const bool bias = config_.attention_bias;
  const std::vector<float> frequencies = rope_frequencies(config_);
  Tensor frequency = at::empty({d / 2}, at::kFloat);
  std::copy(frequencies.begin(), frequencies.end(), frequency.mutable_data_ptr<float>());
  const Tensor angle = (position.unsqueeze(1) * frequency).unsqueeze(1);  // [T,1,D/2]
  const auto heads = [&](const char* name, int64_t count) {
    return linear(x, prefix + name, bias).view({rows, count, d});
  };
  const Tensor query = rotated(heads("self_attn.q_proj", config_.heads), at::cos(angle), at::sin(angle));
  const Tensor key = rotated(heads("self_attn.k_proj", config_.kv_heads), at::cos(angle), at::sin(angle));
  const Tensor value = heads("self_attn.v_proj", config_.kv_heads);
  const Tensor q = query.transpose(0, 1);                               // [heads,T,D]
  const Tensor k = key.repeat_interleave(group, 1).permute({1, 2, 0});  // [heads,D,T]
  const Tensor v = value.repeat_interleave(group, 1).transpose(0, 1);   // [heads,T,D]
  const Tensor scores = at::matmul(q, k) / std::sqrt(static_cast<double>(d)) + mask;
  const Tensor mixed = at::matmul(at::softmax(scores, -1), v).transpose(0, 1).reshape({rows, config_.heads * d});
  return linear(mixed, prefix + "self_attn.o_proj", bias);
}

ReferenceLlama::Output ReferenceLlama::forward(const Tensor& token, const Tensor& parent, const std::vector<int>& sites,
                                               const Tensor& bias) const {
  Dims dims;
  dims.check(token, "token", "T");
  dims.check(parent, "parent", "T");
  const int64_t rows = dims['T'];
  Tensor position = at::zeros({rows}, at::kFloat);
  Tensor mask = at::full({rows, rows}, -std::numeric_limits<float>::infinity(), at::kFloat);
  const Tensor parents = parent.contiguous();
  const int64_t* above = parents.const_data_ptr<int64_t>();
  float *depth = position.mutable_data_ptr<float>(), *allowed = mask.mutable_data_ptr<float>();
  for (int64_t row = 0; row < rows; ++row) {
    SPECULA_CHECK(above[row] >= -1 && above[row] < row, "row ", row, " has parent ", above[row]);
    for (int64_t seen = row; seen >= 0; seen = above[seen]) {
      allowed[row * rows + seen] = 0;
      if (seen != row) depth[row] += 1;
    }
  }
  if (bias.defined()) {
    dims.check(bias, "bias", "T T");
    mask = mask + bias;
  }
  Output output;
  std::vector<Tensor> states;  // by site
  Tensor x = at::embedding(weight("model.embed_tokens.weight"), token);
  for (int64_t layer = 0; layer < config_.layers; ++layer) {
    states.push_back(x);
    const std::string prefix = cat("model.layers.", layer, ".");
    x = x + attention(norm(x, prefix + "input_layernorm"), prefix, position, mask);
    const Tensor y = norm(x, prefix + "post_attention_layernorm");
    const bool biased = config_.mlp_bias;
    const Tensor gated =
        at::silu(linear(y, prefix + "mlp.gate_proj", biased)) * linear(y, prefix + "mlp.up_proj", biased);
    x = x + linear(gated, prefix + "mlp.down_proj", biased);
  }
  states.push_back(x);
  states.push_back(norm(x, "model.norm"));
  output.logits = linear(states.back(), config_.tied ? "model.embed_tokens" : "lm_head", false);
  std::vector<Tensor> asked;
  for (const int site : sites) asked.push_back(states.at(static_cast<size_t>(site)));
  if (!asked.empty()) output.hidden = at::stack(asked, 1);
  return output;
}

}  // namespace specula
