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
  Tensor table(const std::string& name, at::ScalarType dtype) const {
    return checkpoint_.has(name + ".weight") ? read({name + ".weight"}, dtype) : Tensor();
  }
  AtenNorm norm(const std::string& name) const {
    return {.weight = table(name, at::kFloat),
            .bias = checkpoint_.has(name + ".bias") ? read({name + ".bias"}, at::kFloat) : Tensor()};
  }
  LibraryLinear matrix(const std::vector<std::string>& names) {
    const auto with = [&](const char* ending) {
      std::vector<std::string> full;
      for (const std::string& name : names) full.push_back(name + ending);
      return read(full, weights_.dtype);
    };
    const bool bias = checkpoint_.has(names.front() + ".bias");
    return products_.make(with(".weight"), bias ? with(".bias") : Tensor());
  }
  AtenMlp mlp(const std::string& name) {
    const bool is_gated = checkpoint_.has(name + "gate.weight");
    return {.in = matrix(is_gated ? std::vector{name + "gate", name + "up"} : std::vector{name + "up"}),
            .down = matrix({name + "down"})};
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
int64_t bytes_of(const AtenNorm& norm) { return bytes_of(norm.weight) + bytes_of(norm.bias); }
int64_t bytes_of(const AtenMlp& mlp) { return mlp.in.bytes() + mlp.down.bytes(); }

AtenLayer read_layer(Reader& reader, const DecoderConfig& config, int64_t index) {
  const std::string attention = cat("layers.", index, ".attention."), mlp = cat("layers.", index, ".mlp.");
  AtenLayer layer{.attention_norm = reader.norm(attention + "norm"),
                  .attention_post_norm = reader.norm(attention + "post_norm"),
                  .q_norm = reader.norm(attention + "q_norm"),
                  .k_norm = reader.norm(attention + "k_norm"),
                  .qkv = reader.matrix({attention + "q", attention + "k", attention + "v"}),
                  .output = reader.matrix({attention + "output"}),
                  .mlp_norm = reader.norm(mlp + "norm"),
                  .mlp_post_norm = reader.norm(mlp + "post_norm")};
  if (!config.is_sparse(index)) {
    layer.mlp = reader.mlp(mlp);
    return layer;
  }
  layer.router = reader.table(mlp + "router", at::kFloat);
  for (int64_t e = 0; e < config.experts.count; ++e) layer.experts.push_back(reader.mlp(cat(mlp, "experts.", e, ".")));
  if (config.experts.shared_intermediate > 0) layer.shared = reader.mlp(mlp + "shared.");
  layer.shared_gate = reader.table(mlp + "shared_gate", at::kFloat);
  return layer;
}

void read_all(const Checkpoint& checkpoint, AtenWeights& weights) {
  Reader reader(checkpoint, weights);
  const DecoderConfig& config = weights.config;
  for (int64_t i = 0; i < config.layers; ++i) weights.layers.push_back(read_layer(reader, config, i));
  weights.final_norm = reader.norm("final_norm");
  weights.embedding = reader.table("embedding", weights.dtype);
  weights.positions = reader.table("positions", at::kFloat);
  if (config.is_projected()) {
    weights.embedding_in = reader.matrix({"embedding_in"});
    weights.embedding_out = reader.matrix({"embedding_out"});
  }
  weights.head = config.tied ? reader.tied(weights.embedding) : reader.matrix({"head"});
  weights.products = reader.products();
}

}  // namespace

AtenWeights::AtenWeights(const Checkpoint& checkpoint, at::ScalarType weight_dtype, at::Device on)
    : config(checkpoint.config()),
      dtype(weight_dtype),
      device(on),
      main_rope(config.rope, config.turning(), config.context),
      local_rope(config.local_rope, config.turning(), config.context) {
  read_all(checkpoint, *this);
}

int64_t AtenWeights::bytes_per_pass() const {
  const auto embedded_row = config.embedded() * static_cast<int64_t>(c10::elementSize(dtype));
  int64_t bytes = head.bytes() + embedding_in.bytes() + embedding_out.bytes() + bytes_of(final_norm) + embedded_row;
  for (const AtenLayer& layer : layers) {
    for (const AtenNorm* norm : {&layer.attention_norm, &layer.attention_post_norm, &layer.q_norm, &layer.k_norm,
                                 &layer.mlp_norm, &layer.mlp_post_norm})
      bytes += bytes_of(*norm);
    bytes += layer.qkv.bytes() + layer.output.bytes() + bytes_of(layer.mlp) + bytes_of(layer.router) +
             bytes_of(layer.shared) + bytes_of(layer.shared_gate);
    if (!layer.experts.empty()) bytes += config.experts.top * bytes_of(layer.experts.front());
  }
  return bytes;
}

}  // namespace specula
