#include "framework/convert/safetensors_writer.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/model/checkpoint/float16.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int64_t kPartValues = int64_t{1} << 20;  // that are in memory at once, or one row

// The weights of one file: first-fit in their order, at least one.
std::vector<std::vector<const Weight*>> split(const std::vector<Weight>& weights, uint64_t shard_bytes) {
  std::vector<std::vector<const Weight*>> shards(1);
  uint64_t size = 0;
  for (const Weight& weight : weights) {
    if (!shards.back().empty() && size + weight.bytes() > shard_bytes) {
      shards.emplace_back();
      size = 0;
    }
    shards.back().push_back(&weight);
    size += weight.bytes();
  }
  return shards;
}

std::string shard_name(size_t index, size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

std::string header_of(const std::vector<const Weight*>& weights) {
  Json header = {{"__metadata__", {{"format", "pt"}}}};  // transformers asks for it
  uint64_t at = 0;
  for (const Weight* weight : weights) {
    header[weight->name] = {
        {"dtype", weight->dtype}, {"shape", weight->shape}, {"data_offsets", {at, at + weight->bytes()}}};
    at += weight->bytes();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the format aligns its data
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>((text.size() >> (8 * i)) & 255);
  return length + text;
}

// `values` in the numbers of the file.
void encode(std::span<const float> values, const std::string& dtype, std::vector<uint8_t>& out) {
  if (dtype == "I64") {
    const std::vector<int64_t> whole(values.begin(), values.end());
    out.resize(whole.size() * sizeof(int64_t));
    std::memcpy(out.data(), whole.data(), out.size());
    return;
  }
  out.resize(values.size() * (dtype == "F32" ? 4 : 2));
  if (dtype == "F32") {
    std::memcpy(out.data(), values.data(), out.size());
    return;
  }
  const auto convert = dtype == "F16" ? to_float16 : to_bfloat16;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = convert(values[i]);
    std::memcpy(out.data() + 2 * i, &bits, sizeof bits);
  }
}

class Writer {
 public:
  Writer(const std::vector<Weight>& weights, const WriteOptions& options) : options_(options) {
    for (const Weight& weight : weights) total_ += weight.bytes();
  }

  void write(const std::vector<const Weight*>& weights, const fs::path& path) {
    FileWriter file(path);
    file.append(header_of(weights));
    for (const Weight* weight : weights) append(*weight, file);
    file.finish();
  }

  uint64_t total() const { return total_; }

 private:
  void append(const Weight& weight, FileWriter& file) {
    const int64_t rows = weight.rows(), most = std::max<int64_t>(1, kPartValues / weight.row_size());
    for (int64_t first = 0; first < rows; first += most) {
      const int64_t count = std::min(most, rows - first);
      values_.resize(static_cast<size_t>(count * weight.row_size()));
      weight.read(first, count, values_.data());
      encode(values_, weight.dtype, bytes_);
      file.append({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
      done_ += bytes_.size();
      options_.progress(done_, total_);
    }
  }

  const WriteOptions& options_;
  std::vector<float> values_;
  std::vector<uint8_t> bytes_;
  uint64_t done_ = 0, total_ = 0;
};

}  // namespace

uint16_t to_float16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value), magnitude = bits & 0x7fffffffu;
  const uint32_t sign = bits >> 16 & 0x8000u;
  if (magnitude > 0x7f800000u)  // a NaN stays one
    return static_cast<uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65536 and more
  if (magnitude < 0x38800000u) {  // below 2^-14: counted in steps of 2^-24; the sum rounds as IEEE addition does
    const float steps = std::bit_cast<float>(magnitude) + 0.5f;  // a float32 at 0.5 has steps of 2^-24
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(steps) - 0x3f000000u));
  }
  const uint32_t rebiased = magnitude - (112u << 23);
  return static_cast<uint16_t>(sign | ((rebiased + 0xfffu + (rebiased >> 13 & 1u)) >> 13));  // may carry into infinity
}

void write_safetensors(const std::vector<Weight>& weights, const fs::path& folder, const WriteOptions& options) {
  const auto shards = split(weights, options.shard_bytes);
  Writer writer(weights, options);
  Json map = Json::object();
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    writer.write(shards[i], folder / name);
    for (const Weight* weight : shards[i]) map[weight->name] = name;
  }
  if (shards.size() == 1) return;
  const Json index = {{"metadata", {{"total_size", writer.total()}}}, {"weight_map", map}};
  write_file_atomically(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

}  // namespace specula
