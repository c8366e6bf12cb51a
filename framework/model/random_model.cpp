#include "framework/model/random_model.h"

#include <cmath>
#include <set>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/keyring.h"
#include "framework/model/checkpoint/float16.h"
#include "framework/model/checkpoint/safetensors.h"

namespace specula {
namespace {

void append_value(std::string& data, float value, Dtype dtype) {
  if (dtype == Dtype::kFloat32) {
    data.append(reinterpret_cast<const char*>(&value), sizeof value);
  } else {
    const uint16_t bits = to_bfloat16(value);
    data.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  }
}

void append_tensor(std::string& data, const TensorSpec& spec, const Keyring& keys, int64_t stream, Dtype dtype) {
  int64_t count = 1;
  for (const int64_t size : spec.stored_shape) count *= size;
  const bool is_norm = spec.name.ends_with("norm.weight");
  // A uniform number in (-1, 1) has variance 1/3.
  const double spread = spec.shape.size() == 2 ? std::sqrt(3.0 / double(spec.shape[1])) : 0.1;
  for (int64_t i = 0; i < count; ++i) {
    const double u = keys.uniform(Use::kSearch, stream, i, 0);
    append_value(data, static_cast<float>((is_norm ? 1.0 : 0.0) - double(spec.plus) + spread * (2 * u - 1)), dtype);
  }
}

}  // namespace

void write_random_model(const std::filesystem::path& folder, const std::string& config_json, uint64_t seed, Dtype dtype,
                        const std::set<std::string>& tensors) {
  const DecoderConfig config = parse_decoder_config(config_json, (folder / "config.json").string(), tensors);
  write_random_tensors(folder, config_json, expected_tensors(config), seed, dtype);
}

void write_random_tensors(const std::filesystem::path& folder, const std::string& config_json,
                          const std::vector<TensorSpec>& tensors, uint64_t seed, Dtype dtype) {
  const Keyring keys(seed);
  std::string header = "{", data;
  std::set<std::string> written;
  for (const TensorSpec& spec : tensors) {
    if (!written.insert(spec.stored).second) continue;
    const size_t begin = data.size();
    append_tensor(data, spec, keys, static_cast<int64_t>(written.size()) - 1, dtype);
    header +=
        cat(begin == 0 ? "" : ",", "\"", spec.stored, "\":{\"dtype\":\"", dtype == Dtype::kFloat32 ? "F32" : "BF16",
            "\",\"shape\":", shape_text(spec.stored_shape), ",\"data_offsets\":[", begin, ",", data.size(), "]}");
  }
  header += "}";
  while (header.size() % 8 != 0) header += ' ';  // the format aligns its data
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>((header.size() >> (8 * i)) & 255);
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "config.json", config_json);
  write_file_atomically(folder / "model.safetensors", length + header + data);
}

void write_random_llama(const std::filesystem::path& folder, const DecoderConfig& config, uint64_t seed, Dtype dtype) {
  write_random_model(folder, to_json(config, dtype == Dtype::kFloat32 ? "float32" : "bfloat16"), seed, dtype);
}

}  // namespace specula
