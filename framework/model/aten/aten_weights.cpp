#include "framework/model/aten/aten_weights.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "framework/model/aten/aten_device.h"
#include "framework/model/aten/library_choice.h"

namespace specula {
namespace {

constexpr int64_t kBlockElements = int64_t{1} << 22;  // converted at once: 16 MB of float32, whatever the model's size

class Reader {
 public:
  Reader(const Checkpoint& checkpoint, const AtenWeights& weights) : checkpoint_(checkpoint), weights_(weights) {
    const ModelInfo info = checkpoint.info();
    const auto bytes = info.parameters * static_cast<int64_t>(c10::elementSize(weights.dtype));
    need_ = cat(info.path, ": the weights need ", bytes / 1000000, " MB");
  }

  Tensor read(const std::vector<std::string>& names, at::ScalarType dtype) const {
    std::vector<int64_t> shape = checkpoint_.shape(names.front());
    shape.front() = 0;
    for (const std::string& name : names) shape.front() += checkpoint_.shape(name).front();
    Tensor whole = allocate(shape, dtype, weights_.device, need_);
    int64_t at_row = 0;
    for (const std::string& name : names) {
      const int64_t rows = checkpoint_.shape(name).front();
      fill(name, whole.narrow(0, at_row, rows));
      at_row += rows;
    }
    return whole;
  }
  Tensor norm(const std::string& name) const { return read({name + ".weight"}, at::kFloat); }
  LibraryLinear matrix(std::vector<std::string> names, bool bias = false) {
    const auto with = [&](const char* ending) {
      std::vector<std::string> full;
      for (const std::string& name : names) full.push_back(name + ending);
      return read(full, weights_.dtype);
    };
    return products_.make(with(".weight"), bias ? with(".bias") : Tensor());
  }
  LibraryLinear tied(const Tensor& embedding) { return products_.make(embedding, {}); }
  std::string products() const { return products_.text(); }

 private:
  void fill(const std::string& name, const Tensor& out) const {
    std::vector<int64_t> shape = checkpoint_.shape(name);
    const int64_t rows = shape.front(), row_size = rows == 0 ? 1 : out.numel() / rows;
    const int64_t most = std::max<int64_t>(1, kBlockElements / row_size);
    for (int64_t first = 0; first < rows; first += most) {
      shape.front() = std::min(most, rows - first);
      const Tensor block = at::empty(shape, at::kFloat);
      checkpoint_.read_rows(name, first, shape.front(), block.mutable_data_ptr<float>());
      out.narrow(0, first, shape.front()).copy_(block);
    }
  }

  const Checkpoint& checkpoint_;
  const AtenWeights& weights_;
  std::string need_;
  LibraryChoice products_;
};

int64_t bytes_of(const Tensor& tensor) { return tensor.defined() ? static_cast<int64_t>(tensor.nbytes()) : 0; }

void read_all(const Checkpoint& checkpoint, AtenWeights& weights) {
  Reader reader(checkpoint, weights);
  const LlamaConfig& config = weights.config;
  for (int64_t i = 0; i < config.layers; ++i) {
    const std::string layer = cat("model.layers.", i, "."), attention = layer + "self_attn.", mlp = layer + "mlp.";
    weights.layers.push_back({.input_norm = reader.norm(layer + "input_layernorm"),
                              .attention_norm = reader.norm(layer + "post_attention_layernorm"),
                              .qkv = reader.matrix({attention + "q_proj", attention + "k_proj", attention + "v_proj"},
                                                   config.attention_bias),
                              .output = reader.matrix({attention + "o_proj"}, config.attention_bias),
                              .gate_up = reader.matrix({mlp + "gate_proj", mlp + "up_proj"}, config.mlp_bias),
                              .down = reader.matrix({mlp + "down_proj"}, config.mlp_bias)});
  }
  weights.final_norm = reader.norm("model.norm");
  weights.embedding = reader.read({"model.embed_tokens.weight"}, weights.dtype);
  weights.head = config.tied ? reader.tied(weights.embedding) : reader.matrix({"lm_head"});
  weights.products = reader.products();
  const std::vector<float> frequencies = rope_frequencies(config);
  const Tensor host = at::empty({static_cast<int64_t>(frequencies.size())}, at::kFloat);
  std::copy(frequencies.begin(), frequencies.end(), host.mutable_data_ptr<float>());
  weights.frequency = host.to(weights.device);
}

}  // namespace

AtenWeights::AtenWeights(const Checkpoint& checkpoint, at::ScalarType weight_dtype, at::Device on)
    : config(checkpoint.config()), dtype(weight_dtype), device(on) {
  read_all(checkpoint, *this);
}

int64_t AtenWeights::bytes_per_pass() const {
  const auto embedded_row = config.hidden * static_cast<int64_t>(c10::elementSize(dtype));
  int64_t bytes = head.bytes() + bytes_of(final_norm) + embedded_row;
  for (const AtenLayer& layer : layers) {
    bytes += bytes_of(layer.input_norm) + bytes_of(layer.attention_norm) + layer.qkv.bytes() + layer.output.bytes() +
             layer.gate_up.bytes() + layer.down.bytes();
  }
  return bytes;
}

}  // namespace specula
