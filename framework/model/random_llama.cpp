#include "framework/model/random_llama.h"

#include <cmath>
#include <string>

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

}  // namespace

void write_random_llama(const std::filesystem::path& folder, const LlamaConfig& config, uint64_t seed, Dtype dtype) {
  const Keyring keys(seed);
  std::string header = "{", data;
  int64_t stream = 0;
  for (const TensorSpec& spec : expected_tensors(config)) {
    int64_t count = 1;
    for (const int64_t size : spec.shape) count *= size;
    const bool is_norm = spec.name.find("norm") != std::string::npos;
    // A uniform number in (-1, 1) has variance 1/3.
    const double spread = spec.shape.size() == 2 ? std::sqrt(3.0 / double(spec.shape[1])) : 0.1;
    const size_t begin = data.size();
    for (int64_t i = 0; i < count; ++i) {
      const double u = keys.uniform(Use::kSearch, stream, i, 0);
      append_value(data, static_cast<float>((is_norm ? 1.0 : 0.0) + spread * (2 * u - 1)), dtype);
    }
    header +=
        cat(stream == 0 ? "" : ",", "\"", spec.name, "\":{\"dtype\":\"", dtype == Dtype::kFloat32 ? "F32" : "BF16",
            "\",\"shape\":", shape_text(spec.shape), ",\"data_offsets\":[", begin, ",", data.size(), "]}");
    ++stream;
  }
  header += "}";
  while (header.size() % 8 != 0) header += ' ';  // the format aligns its data
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>((header.size() >> (8 * i)) & 255);
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "config.json", to_json(config, dtype == Dtype::kFloat32 ? "float32" : "bfloat16"));
  write_file_atomically(folder / "model.safetensors", length + header + data);
}

}  // namespace specula
