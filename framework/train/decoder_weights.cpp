#include "framework/train/decoder_weights.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numbers>
#include <utility>

#include "framework/core/files.h"
#include "framework/core/keyring.h"
#include "framework/model/checkpoint/checkpoint.h"
#include "framework/model/reference.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kDeviation = 0.02;

// Two normal numbers of each two uniform ones (Box and Muller 1958).
Tensor normal(const std::vector<int64_t>& shape, double deviation, const Keyring& keys, int64_t stream) {
  Tensor tensor = at::empty(shape, at::kFloat);
  float* out = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); i += 2) {
    const double u = 1 - keys.uniform(Use::kSearch, stream, i, 0), angle = keys.uniform(Use::kSearch, stream, i, 1);
    const double radius = deviation * std::sqrt(-2 * std::log(u)), phi = 2 * std::numbers::pi * angle;
    out[i] = static_cast<float>(radius * std::cos(phi));
    if (i + 1 < tensor.numel()) out[i + 1] = static_cast<float>(radius * std::sin(phi));
  }
  return tensor;
}

bool leads_back(const std::string& name) {
  return name.ends_with("attention.output.weight") || name.ends_with(".down.weight");
}

// What a file keeps of several tensors of the program: their rows (or columns) of one matrix.
void put(const TensorSpec& spec, const Tensor& tensor, std::vector<float>& stored) {
  const int64_t rows = spec.shape.front(), size = tensor.numel() / rows;
  const int64_t width = spec.stored_shape.size() == 1 ? 1 : spec.stored_shape.back();
  const Tensor whole = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  const float* from = whole.const_data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = spec.stored_row(r);
    for (int64_t i = 0; i < size; ++i) {
      const int64_t place = spec.transposed ? i * width + at : at * width + i;
      stored[static_cast<size_t>(place)] = from[r * size + i] - spec.plus;
    }
  }
}

int64_t elements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

// Each stored tensor is put together when it is written, so that one at a time is in memory twice.
Weight stored_weight(const TrainableDecoder& decoder, std::vector<TensorSpec> parts, WrittenDtype dtype) {
  const std::vector<int64_t> shape = parts.front().stored_shape;
  Weight weight{.name = parts.front().stored, .dtype = safetensors_dtype(dtype, "F32"), .shape = shape};
  weight.read = [&decoder, parts = std::move(parts), values = std::vector<float>()](int64_t first, int64_t count,
                                                                                    float* out) mutable {
    const std::vector<int64_t>& sizes = parts.front().stored_shape;
    if (values.empty()) {
      values.resize(static_cast<size_t>(elements(sizes)));
      for (const TensorSpec& part : parts) put(part, decoder.parameters.at(part.name), values);
    }
    std::copy_n(values.begin() + first * sizes.back(), count * sizes.back(), out);
    if ((first + count) * sizes.back() == elements(sizes)) values = {};
  };
  return weight;
}

std::string with_dtype(const std::string& config_json, WrittenDtype dtype) {
  Json json = Json::parse(config_json);
  json.erase("torch_dtype");          // the spelling of older versions
  json.erase("quantization_config");  // weights are written as they are computed with
  const std::string written = safetensors_dtype(dtype, "F32");
  json["dtype"] = written == "F32" ? "float32" : written == "F16" ? "float16" : "bfloat16";
  return json.dump(2) + "\n";
}

}  // namespace

Parameters initial_parameters(const DecoderConfig& config, uint64_t seed) {
  const Keyring keys(seed);
  Parameters parameters;
  int64_t stream = 0;
  for (const TensorSpec& spec : expected_tensors(config)) {
    ++stream;
    if (spec.name.ends_with("norm.weight")) {
      parameters[spec.name] = at::ones(spec.shape, at::kFloat);
    } else if (spec.name.ends_with(".bias")) {
      parameters[spec.name] = at::zeros(spec.shape, at::kFloat);
    } else {
      const double share = leads_back(spec.name) ? 1 / std::sqrt(2.0 * static_cast<double>(config.layers)) : 1;
      parameters[spec.name] = normal(spec.shape, kDeviation * share, keys, stream);
    }
  }
  return parameters;
}

std::vector<SmallFile> copied_tokenizer(const fs::path& folder) {
  std::vector<SmallFile> files;
  for (const char* const name :
       {"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "chat_template.jinja", "vocab.json", "merges.txt", "vocab.txt", "generation_config.json"}) {
    if (fs::exists(folder / name)) files.push_back({name, read_file(folder / name)});
  }
  return files;
}

Tensor random_matrix(int64_t outputs, int64_t inputs, uint64_t seed, int64_t stream) {
  return normal({outputs, inputs}, kDeviation, Keyring(seed), stream);
}

TrainableDecoder read_decoder(const fs::path& folder) {
  const Checkpoint checkpoint(folder);
  TrainableDecoder decoder{.config = checkpoint.config(), .parameters = read_parameters(checkpoint)};
  decoder.files = copied_tokenizer(folder);
  decoder.files.insert(decoder.files.begin(), {"config.json", read_file(folder / "config.json")});
  return decoder;
}

TrainableDecoder keep_layers(const TrainableDecoder& decoder, const std::vector<int>& layers) {
  const DecoderConfig& config = decoder.config;
  for (const int layer : layers) {
    if (layer < 0 || layer >= config.layers)
      throw ConfigError(cat("layer ", layer, ": the model has the layers 0 to ", config.layers - 1));
  }
  if (layers.empty()) throw ConfigError("no layer is kept; expected at least one");
  Json json = Json::parse(decoder.files.at(0).content);
  if (!json.contains("num_hidden_layers") || !config.windows.empty() || !config.ropes.empty() ||
      !config.sparse.empty() || config.scale_by_layer)
    throw ConfigError(cat(config.architecture,
                          ": its layers differ from each other, or config.json does not count them "
                          "as num_hidden_layers; such models are not pruned"));
  json["num_hidden_layers"] = layers.size();
  TrainableDecoder kept = decoder;
  kept.files.at(0).content = json.dump(2) + "\n";
  kept.config.layers = static_cast<int64_t>(layers.size());
  kept.parameters.clear();
  for (const auto& [name, tensor] : decoder.parameters) {
    if (!name.starts_with("layers.")) kept.parameters[name] = tensor;
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string from = cat("layers.", layers[i], ".");
    for (const auto& [name, tensor] : decoder.parameters) {
      if (name.starts_with(from)) kept.parameters[cat("layers.", i, ".", name.substr(from.size()))] = tensor;
    }
  }
  return kept;
}

void write_decoder(const TrainableDecoder& decoder, WrittenDtype dtype, const fs::path& folder,
                   const std::vector<Weight>& more) {
  ConvertedModel model{.files = decoder.files};
  model.files.at(0).content = with_dtype(model.files.at(0).content, dtype);
  std::vector<std::pair<std::string, std::vector<TensorSpec>>> by_stored;
  for (const TensorSpec& spec : expected_tensors(decoder.config)) {
    auto found =
        std::find_if(by_stored.begin(), by_stored.end(), [&](const auto& s) { return s.first == spec.stored; });
    if (found == by_stored.end()) found = by_stored.insert(by_stored.end(), {spec.stored, {}});
    found->second.push_back(spec);
  }
  for (auto& [name, parts] : by_stored) model.weights.push_back(stored_weight(decoder, std::move(parts), dtype));
  model.weights.insert(model.weights.end(), more.begin(), more.end());
  write_model(model, folder);
}

}  // namespace specula
