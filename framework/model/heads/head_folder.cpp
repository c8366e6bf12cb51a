#include "framework/model/heads/head_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json_depth.h"

namespace specula {

struct HeadFolder::Config {
  std::string text;
  nlohmann::json json;
  ConfigFields fields;
  Config(std::string of, const std::string& place)
      : text(std::move(of)), json(parse(text, place)), fields(json, place) {}

  static nlohmann::json parse(const std::string& text, const std::string& place) {
    check_json_depth(text, place);
    try {
      auto json = nlohmann::json::parse(text);
      if (json.is_object()) return json;
    } catch (const nlohmann::json::exception& error) {
      throw Error(cat(place, ": not valid JSON: ", error.what()));
    }
    throw Error(cat(place, ": expected a JSON object"));
  }
};

namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostElements = int64_t{1} << 27;  // of a dimension
constexpr size_t kMostNamed = 5;                     // tensors that an error lists

std::string config_text(const fs::path& folder) {
  if (!fs::is_directory(folder)) throw Error(cat(folder.string(), ": no such model folder"));
  if (!fs::exists(folder / "config.json"))
    throw Error(cat(folder.string(), ": no config.json; expected a Hugging Face model folder"));
  return read_file(folder / "config.json");
}

std::string kind_of(const ConfigFields& fields) {
  if (fields.has("medusa_num_heads")) return "medusa";
  if (fields.has("hydra_num_heads")) return "hydra";
  if (fields.text_or("model_type", "") == "mlp_speculator") return "mlp_speculator";
  return "";
}

// The names that such files are published under, and those of the Hub.
fs::path tensor_file(const fs::path& folder) {
  const std::vector<std::string> names = {"model.safetensors", "medusa_lm_head.safetensors", "medusa_lm_head.pt",
                                          "hydra_lm_head.pt", "pytorch_model.bin"};
  for (const std::string& name : names) {
    if (fs::exists(folder / name)) return folder / name;
  }
  throw Error(cat(folder.string(), ": it holds none of ", join(names, ", ")));
}

}  // namespace

std::string step_heads_kind(const fs::path& folder) {
  const std::string place = (folder / "config.json").string();
  const std::string text = config_text(folder);
  check_json_depth(text, place);
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? kind_of(ConfigFields(json, place)) : "";  // whoever reads it in full says what is wrong
}

HeadFolder::HeadFolder(const fs::path& folder)
    : folder_(folder),
      config_(std::make_unique<Config>(config_text(folder), (folder / "config.json").string())),
      kind_(kind_of(config_->fields)),
      file_(open_tensor_file(tensor_file(folder))) {}

HeadFolder::~HeadFolder() = default;

const ConfigFields& HeadFolder::fields() const { return config_->fields; }

void HeadFolder::fail(const std::string& what) const { throw Error(cat(file_->path(), ": ", what)); }

bool HeadFolder::has(const std::string& tensor) const {
  return std::any_of(file_->entries().begin(), file_->entries().end(),
                     [&](const TensorEntry& entry) { return entry.name == tensor; });
}

const TensorEntry& HeadFolder::entry(const std::string& tensor) const {
  for (const TensorEntry& entry : file_->entries()) {
    if (entry.name == tensor) return entry;
  }
  std::vector<std::string> names;
  for (const TensorEntry& entry : file_->entries()) names.push_back(entry.name);
  fail(cat("tensor '", tensor, "' is missing", suggestion(tensor, names)));
}

std::vector<int64_t> HeadFolder::shape(const std::string& tensor, size_t dimensions) const {
  const TensorEntry& found = entry(tensor);
  const bool fits =
      found.shape.size() == dimensions && std::all_of(found.shape.begin(), found.shape.end(),
                                                      [](int64_t size) { return size >= 1 && size <= kMostElements; });
  if (!fits) fail(cat("tensor '", tensor, "': shape ", shape_text(found.shape), "; expected ", dimensions, " sizes"));
  return found.shape;
}

std::vector<float> HeadFolder::read(const std::string& tensor, const std::vector<int64_t>& shape) const {
  const TensorEntry& found = entry(tensor);
  if (found.shape != shape)
    fail(cat("tensor '", tensor, "': shape ", shape_text(found.shape), "; expected ", shape_text(shape)));
  const StoredTensor stored{file_.get(), &found};
  if (!stored.is_float())
    fail(cat("tensor '", tensor, "': dtype ", found.dtype, " cannot be loaded; valid: F32, F16, BF16"));
  std::vector<float> values(static_cast<size_t>(found.elements()));
  if (!values.empty()) stored.read_rows(0, found.shape.front(), values.data());
  known_.insert(tensor);
  return values;
}

void HeadFolder::refuse_unknown(const std::function<bool(const std::string& tensor)>& is_ignored) const {
  std::vector<std::string> unknown;
  for (const TensorEntry& entry : file_->entries()) {
    if (!known_.contains(entry.name) && !is_ignored(entry.name)) unknown.push_back(entry.name);
  }
  if (unknown.empty()) return;
  const size_t more = unknown.size() - std::min(unknown.size(), kMostNamed);
  unknown.resize(unknown.size() - more);
  fail(cat("tensors that ", kind_, " heads do not have: ", join(unknown, ", "),
           more > 0 ? cat(" and ", more, " more") : ""));
}

ModelInfo HeadFolder::info() const {
  constexpr int64_t kAnyContext = int64_t{1} << 27;  // rows have no positions
  ModelInfo info{.path = folder_.string(), .architecture = kind_, .head = kind_, .context = kAnyContext};
  std::string digest = config_->text;
  for (const TensorEntry& entry : file_->entries()) {
    digest += cat("\n", entry.name, " ", entry.dtype, " ", shape_text(entry.shape), " ", entry.begin);
    info.parameters += entry.elements();
    if (entry.dtype == "BF16") info.stored = Dtype::kBfloat16;
  }
  digest += cat("\n", fs::path(file_->path()).filename().string(), " ", file_->size());
  info.fingerprint = sha256(digest);
  return info;
}

}  // namespace specula
