#include "framework/model/checkpoint/checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/model/checkpoint/float16.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Buffers that old checkpoints stored beside the weights; they follow from the config.
bool is_derived(const std::string& name) { return name.ends_with(".rotary_emb.inv_freq"); }

std::map<std::string, std::string> read_weight_map(const fs::path& index) {
  const std::string place = index.string();
  Json json;
  try {
    json = Json::parse(read_file(index));
  } catch (const Json::exception& error) {
    throw Error(cat(place, ": not valid JSON: ", error.what()));
  }
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object() ||
      json["weight_map"].empty()) {
    throw Error(cat(place, ": field 'weight_map' is missing or not an object of tensor name to file name"));
  }
  std::map<std::string, std::string> weight_map;
  for (const auto& [name, file] : json["weight_map"].items()) {
    const std::string shard = file.is_string() ? file.get<std::string>() : "";
    if (shard.empty() || fs::path(shard).filename() != shard || shard == "..") {
      throw Error(cat(place, ": tensor '", name, "': file ", file.dump(), " is not a plain file name"));
    }
    weight_map[name] = shard;
  }
  return weight_map;
}

}  // namespace

Checkpoint::Checkpoint(const fs::path& folder) : folder_(folder) {
  if (!fs::is_directory(folder)) throw Error(cat(folder.string(), ": no such model folder"));
  const fs::path config = folder / "config.json";
  if (!fs::exists(config)) throw Error(cat(folder.string(), ": no config.json; expected a Hugging Face model folder"));
  config_text_ = read_file(config);
  config_ = parse_llama_config(config_text_, config.string());
  open_files();
  check_tensors();
}

void Checkpoint::open_files() {
  const fs::path single = folder_ / "model.safetensors", index = folder_ / "model.safetensors.index.json";
  if (fs::exists(single)) {
    files_.push_back(std::make_unique<SafetensorsFile>(single));
    locate(*files_.back());
  } else if (fs::exists(index)) {
    open_shards(index);
  } else {
    refuse_other_formats();
  }
}

void Checkpoint::open_shards(const fs::path& index) {
  const auto weight_map = read_weight_map(index);
  std::set<std::string> shards;
  for (const auto& [name, shard] : weight_map) {
    if (!shards.insert(shard).second) continue;
    if (!fs::exists(folder_ / shard)) {
      throw Error(
          cat(index.string(), ": tensor '", name, "' is said to be in '", shard, "', but there is no such file"));
    }
    files_.push_back(std::make_unique<SafetensorsFile>(folder_ / shard));
    locate(*files_.back());
  }
  for (const auto& [name, shard] : weight_map) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end() || fs::path(found->second.file->path()).filename() != shard) {
      throw Error(cat(index.string(), ": tensor '", name, "' is said to be in '", shard, "', but is not there"));
    }
  }
}

void Checkpoint::locate(const SafetensorsFile& file) {
  for (const TensorEntry& entry : file.entries()) {
    const auto [at, fresh] = tensors_.try_emplace(entry.name, Located{&file, &entry});
    if (!fresh) throw Error(cat(file.path(), ": tensor '", entry.name, "' is also in ", at->second.file->path()));
  }
}

void Checkpoint::refuse_other_formats() const {
  std::vector<std::string> pickles;
  for (const auto& item : fs::directory_iterator(folder_)) {
    const std::string extension = item.path().extension().string();
    if (extension == ".bin" || extension == ".pt" || extension == ".pth")
      pickles.push_back(item.path().filename().string());
  }
  std::sort(pickles.begin(), pickles.end());
  if (!pickles.empty()) {
    throw Error(
        cat(folder_.string(), ": '", pickles.front(),
            "' is a pickle, which can run code when it is read; expected model.safetensors (convert it with the "
            "safetensors package)"));
  }
  throw Error(cat(folder_.string(), ": neither model.safetensors nor model.safetensors.index.json"));
}

void Checkpoint::check_tensors() const {
  std::set<std::string> wanted;
  for (const TensorSpec& spec : expected_tensors(config_)) {
    wanted.insert(spec.name);
    const Located& at = located(spec.name);
    const std::string place = cat(at.file->path(), ": tensor '", spec.name, "': ");
    if (at.entry->shape != spec.shape) {
      throw Error(cat(place, "shape ", shape_text(at.entry->shape), " does not fit config.json, which asks for ",
                      shape_text(spec.shape)));
    }
    if (at.entry->dtype != "F32" && at.entry->dtype != "F16" && at.entry->dtype != "BF16") {
      throw Error(cat(place, "dtype ", at.entry->dtype, " cannot be loaded; valid: F32, F16, BF16"));
    }
  }
  for (const auto& [name, at] : tensors_) {
    const bool is_second_head = config_.tied && name == "lm_head.weight";  // a copy of the embedding
    if (wanted.contains(name) || is_second_head || is_derived(name)) continue;
    throw Error(cat(at.file->path(), ": unexpected tensor '", name, "'",
                    name.ends_with(".bias") ? " (config.json says that there are no such biases)" : "",
                    "; a model of this config has ", wanted.size(), " tensors and not this one"));
  }
}

const Checkpoint::Located& Checkpoint::located(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw Error(cat(files_.size() == 1 ? files_.front()->path() : folder_.string(), ": tensor '", name,
                    "' is missing, but config.json asks for it"));
  }
  return found->second;
}

ModelInfo Checkpoint::info() const {
  ModelInfo info;
  info.path = folder_.string();
  info.architecture = config_.architecture;
  info.vocab = config_.vocab;
  info.context = config_.context;
  info.layers = config_.layers;
  info.hidden = config_.hidden;
  std::string digest = config_text_;
  for (const auto& [name, at] : tensors_) {
    digest += cat("\n", name, " ", at.entry->dtype, " ", shape_text(at.entry->shape), " ", at.entry->begin);
  }
  for (const auto& file : files_) digest += cat("\n", fs::path(file->path()).filename().string(), " ", file->size());
  for (const TensorSpec& spec : expected_tensors(config_)) info.parameters += located(spec.name).entry->elements();
  info.stored = located("model.embed_tokens.weight").entry->dtype == "BF16" ? Dtype::kBfloat16 : Dtype::kFloat32;
  info.fingerprint = sha256(digest);
  return info;
}

int64_t Checkpoint::row_bytes(const Located& at) const {
  const int64_t rows = at.entry->shape.front(), element = at.entry->dtype == "F32" ? 4 : 2;
  return rows == 0 ? 0 : at.entry->elements() / rows * element;
}

void Checkpoint::read_bits(const std::string& name, int64_t first_row, int64_t row_count, void* out) const {
  const Located& at = located(name);
  const int64_t rows = at.entry->shape.front(), size = row_bytes(at);
  SPECULA_CHECK(first_row >= 0 && row_count >= 0 && first_row + row_count <= rows, name, " has ", rows, " rows, asked ",
                first_row, " + ", row_count);
  at.file->read(*at.entry, static_cast<size_t>(first_row * size),
                {static_cast<uint8_t*>(out), static_cast<size_t>(row_count * size)});
}

void Checkpoint::read_rows(const std::string& name, int64_t first_row, int64_t row_count, float* out) const {
  const Located& at = located(name);
  if (at.entry->dtype == "F32") return read_bits(name, first_row, row_count, out);
  std::vector<uint16_t> halves(static_cast<size_t>(row_count * row_bytes(at) / 2));
  read_bits(name, first_row, row_count, halves.data());
  if (at.entry->dtype == "BF16") {
    std::transform(halves.begin(), halves.end(), out, from_bfloat16);
  } else {
    std::transform(halves.begin(), halves.end(), out, from_float16);
  }
}

bool Checkpoint::holds(const std::string& name, Dtype dtype) const {
  const std::string& stored = located(name).entry->dtype;
  return (dtype == Dtype::kFloat32 && stored == "F32") || (dtype == Dtype::kBfloat16 && stored == "BF16");
}

std::vector<float> Checkpoint::read(const std::string& name) const {
  std::vector<float> values(static_cast<size_t>(located(name).entry->elements()));
  read_rows(name, 0, located(name).entry->shape.front(), values.data());
  return values;
}

}  // namespace specula
