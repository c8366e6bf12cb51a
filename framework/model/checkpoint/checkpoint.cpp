#include "framework/model/checkpoint/checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json_depth.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr size_t kMostNamed = 5;  // tensors that an error lists

std::map<std::string, std::string> read_weight_map(const fs::path& index) {
  const std::string place = index.string();
  const std::string text = read_file(index);
  check_json_depth(text, place);
  Json json;
  try {
    json = Json::parse(text);
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
  open_files();
  read_tensors();
}

Checkpoint::Checkpoint(const fs::path& folder, const fs::path& file, std::string config)
    : folder_(folder), config_text_(std::move(config)) {
  open_file(file);
  read_tensors();
}

void Checkpoint::read_tensors() {
  std::set<std::string> names;
  for (const auto& [name, at] : stored_) names.insert(name);
  config_ = parse_decoder_config(config_text_, (folder_ / "config.json").string(), names);
  all_specs_ = expected_tensors(config_);
  choose_prefix();
  check_tensors();
}

// safetensors where both kinds are there.
void Checkpoint::open_files() {
  const std::vector<std::string> names = {"model.safetensors", "pytorch_model.bin"};
  for (const std::string& name : names) {
    if (fs::exists(folder_ / name)) return open_file(folder_ / name);
    const fs::path index = folder_ / (name + ".index.json");
    if (fs::exists(index)) return open_shards(index);
  }
  throw Error(cat(folder_.string(), ": it holds none of ", join(names, ", "), " and no index of one (*.index.json)"));
}

void Checkpoint::open_file(const fs::path& path) {
  files_.push_back(open_tensor_file(path));
  locate(*files_.back());
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
    open_file(folder_ / shard);
  }
  for (const auto& [name, shard] : weight_map) {
    const auto found = stored_.find(name);
    if (found == stored_.end() || fs::path(found->second.file->path()).filename() != shard) {
      throw Error(cat(index.string(), ": tensor '", name, "' is said to be in '", shard, "', but is not there"));
    }
  }
}

void Checkpoint::locate(const TensorFile& file) {
  for (const TensorEntry& entry : file.entries()) {
    const auto [at, fresh] = stored_.try_emplace(entry.name, StoredTensor{&file, &entry});
    if (!fresh) throw Error(cat(file.path(), ": tensor '", entry.name, "' is also in ", at->second.file->path()));
  }
}

// Some files begin the names of their tensors in another way.
void Checkpoint::choose_prefix() {
  const std::vector<std::string> prefixes = name_prefixes(config_);
  const std::string& usual = prefixes.front();
  const auto spelled = [&](const std::string& name, const std::string& prefix) {
    return name.starts_with(usual) ? prefix + name.substr(usual.size()) : name;
  };
  const std::string first = all_specs_.front().stored;
  for (const std::string& prefix : prefixes) {
    if (!stored_.contains(spelled(first, prefix))) continue;
    for (TensorSpec& spec : all_specs_) spec.stored = spelled(spec.stored, prefix);
    return;
  }
}

void Checkpoint::check_tensors() {
  std::set<std::string> wanted;
  std::vector<std::string> missing, unexpected;
  for (const TensorSpec& spec : all_specs_) {
    const bool is_new = wanted.insert(spec.stored).second;
    if (const auto found = stored_.find(spec.stored); found != stored_.end()) {
      check_stored(spec, found->second);
      specs_[spec.name] = {.spec = &spec, .stored = found->second};
    } else if (auto packed = find_packed(spec, wanted)) {
      specs_[spec.name] = {.spec = &spec, .stored = {}, .packed = packed};
    } else if (is_new) {
      missing.push_back(spec.stored);
    }
  }
  if (!missing.empty()) refuse_missing(missing);
  for (const auto& [name, at] : stored_) {
    if (!wanted.contains(name) && !is_ignored_tensor(config_, name)) unexpected.push_back(name);
  }
  if (!unexpected.empty()) refuse_unexpected(unexpected);
}

std::vector<Token> Checkpoint::draft_tokens() const {
  const int64_t count = config_.state.draft_vocab;
  if (count == 0) return {};
  const auto found = stored_.find("d2t");
  if (found == stored_.end()) refuse_missing({"d2t"});
  const StoredTensor& at = found->second;
  const std::string place = cat(at.file->path(), ": tensor 'd2t': ");
  if (at.entry->dtype != "I64" || at.entry->shape != std::vector<int64_t>{count})
    throw Error(cat(place, at.entry->dtype, " ", shape_text(at.entry->shape), "; expected I64 [", count, "]"));
  std::vector<int64_t> offsets(static_cast<size_t>(count));
  at.file->read(*at.entry, 0, {reinterpret_cast<uint8_t*>(offsets.data()), offsets.size() * sizeof(int64_t)});
  std::vector<Token> tokens;
  std::set<int64_t> seen;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t offset = offsets[static_cast<size_t>(i)];
    if (offset < -i || offset >= config_.vocab - i)
      throw Error(cat(place, "entry ", i, " is ", offset, ", which leads out of the vocabulary of ", config_.vocab));
    const int64_t token = i + offset;
    if (!seen.insert(token).second) throw Error(cat(place, "two entries lead to token ", token));
    tokens.push_back(static_cast<Token>(token));
  }
  return tokens;
}

namespace {

// Files differ in how many leading dimensions of one a vector has.
bool is_same_shape(std::vector<int64_t> given, std::vector<int64_t> expected) {
  for (std::vector<int64_t>* const shape : {&given, &expected}) {
    while (shape->size() > 2 && shape->front() == 1) shape->erase(shape->begin());
  }
  return given == expected;
}

}  // namespace

void Checkpoint::check_stored(const TensorSpec& spec, const StoredTensor& at) const {
  const std::string place = cat(at.file->path(), ": tensor '", spec.stored, "': ");
  if (!is_same_shape(at.entry->shape, spec.stored_shape)) {
    throw Error(cat(place, "shape ", shape_text(at.entry->shape), " does not fit config.json, which asks for ",
                    shape_text(spec.stored_shape)));
  }
  if (!at.is_float()) {
    throw Error(cat(place, "dtype ", at.entry->dtype, " cannot be loaded; valid: F32, F16, BF16"));
  }
}

// A matrix whose "x.weight" is kept as x.qweight, x.qzeros, x.scales and perhaps x.g_idx.
std::optional<PackedTensor> Checkpoint::find_packed(const TensorSpec& spec, std::set<std::string>& wanted) const {
  constexpr std::string_view kEnding = "weight";
  if (config_.integers == StoredIntegers::kNone || spec.transposed || !spec.stored.ends_with(kEnding) ||
      spec.stored_shape.size() != 2)
    return std::nullopt;
  const std::string base = spec.stored.substr(0, spec.stored.size() - kEnding.size());
  if (!stored_.contains(base + "qweight")) return std::nullopt;
  const int64_t outputs = spec.stored_shape[0], inputs = spec.stored_shape[1];
  const int64_t group = config_.integer_group == 0 ? inputs : config_.integer_group;
  const int64_t groups = (inputs + group - 1) / group;
  const auto part = [&](const char* name, const std::vector<int64_t>& shape, bool is_integer) {
    const auto found = stored_.find(base + name);
    if (found == stored_.end()) refuse_missing({base + name});
    wanted.insert(base + name);
    const StoredTensor& at = found->second;
    if (at.entry->shape != shape || (is_integer ? at.entry->dtype != "I32" : !at.is_float())) {
      throw Error(cat(at.file->path(), ": tensor '", base, name, "': ", at.entry->dtype, " ",
                      shape_text(at.entry->shape), " does not fit config.json, which asks for ",
                      is_integer ? "I32 " : "floats ", shape_text(shape)));
    }
    return at;
  };
  const bool is_awq = config_.integers == StoredIntegers::kAwq;
  const std::vector<int64_t> awq = {inputs, outputs / 8}, gptq = {inputs / 8, outputs};
  PackedTensor packed{.weights = part("qweight", is_awq ? awq : gptq, true),
                      .zeros = part("qzeros", {groups, outputs / 8}, true),
                      .scales = part("scales", {groups, outputs}, false),
                      .group_of = {},
                      .inputs = inputs,
                      .outputs = outputs,
                      .group_size = group};
  if (stored_.contains(base + "g_idx")) packed.group_of = part("g_idx", {inputs}, true);
  return packed;
}

namespace {

// "'a', 'b' and 7 more"
std::string few_of(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMostNamed); ++i) text += cat(i == 0 ? "'" : ", '", names[i], "'");
  return names.size() <= kMostNamed ? text : cat(text, " and ", names.size() - kMostNamed, " more");
}

}  // namespace

void Checkpoint::refuse_missing(const std::vector<std::string>& missing) const {
  const bool is_one = missing.size() == 1;
  throw Error(cat(files_.size() == 1 ? files_.front()->path() : folder_.string(), ": tensor", is_one ? " " : "s ",
                  few_of(missing), is_one ? " is" : " are", " missing, but config.json (", config_.architecture,
                  ") asks for ", is_one ? "it" : "them"));
}

void Checkpoint::refuse_unexpected(const std::vector<std::string>& unexpected) const {
  const bool is_one = unexpected.size() == 1;
  const bool is_bias = unexpected.front().ends_with(".bias");
  throw Error(cat(stored_.at(unexpected.front()).file->path(), ": unexpected tensor", is_one ? " " : "s ",
                  few_of(unexpected), is_bias ? " (config.json says that there are no such biases)" : "",
                  "; a model of this config has ", specs_.size(), " tensors and not ", is_one ? "this one" : "these"));
}

const Checkpoint::Located& Checkpoint::located(const std::string& name) const {
  const auto found = specs_.find(name);
  SPECULA_CHECK(found != specs_.end(), "a ", config_.architecture, " has no tensor '", name, "'");
  return found->second;
}

ModelInfo Checkpoint::info() const {
  ModelInfo info;
  info.path = folder_.string();
  info.architecture = config_.architecture;
  info.vocab = config_.vocab;
  info.context = config_.context;
  info.layers = config_.layers;
  info.hidden = config_.is_head() ? config_.state.target_hidden : config_.hidden;
  info.head = config_.state.kind;
  std::string digest = config_text_;
  for (const auto& [name, at] : stored_) {
    digest += cat("\n", name, " ", at.entry->dtype, " ", shape_text(at.entry->shape), " ", at.entry->begin);
  }
  for (const auto& file : files_) digest += cat("\n", fs::path(file->path()).filename().string(), " ", file->size());
  std::set<std::string> counted;
  for (const TensorSpec& spec : all_specs_) {
    if (!counted.insert(spec.stored).second) continue;
    int64_t elements = 1;
    for (const int64_t size : spec.stored_shape) elements *= size;
    info.parameters += elements;
  }
  const std::string largest = config_.is_head() ? all_specs_.front().name : "embedding.weight";
  info.stored = located(largest).stored.entry->dtype == "BF16" ? Dtype::kBfloat16 : Dtype::kFloat32;
  info.fingerprint = sha256(digest);
  return info;
}

namespace {

// The rows that are neighbours in the file, run by run.
template <class Read>
void for_each_run(const TensorSpec& spec, int64_t first_row, int64_t row_count, Read read) {
  for (int64_t row = first_row, last = first_row + row_count; row < last;) {
    const int64_t until = spec.block == 0 ? last : std::min(last, (row / spec.block + 1) * spec.block);
    read(spec.stored_row(row), until - row);
    row = until;
  }
}

}  // namespace

void Checkpoint::read_bits(const std::string& name, int64_t first_row, int64_t row_count, void* out) const {
  const Located& from = located(name);
  const TensorSpec& spec = *from.spec;
  SPECULA_CHECK(!from.is_whole() && first_row >= 0 && row_count >= 0 && first_row + row_count <= spec.shape.front(),
                name, " has ", spec.shape.front(), " rows, asked ", first_row, " + ", row_count);
  const int64_t size = from.stored.elements_of_row() * from.stored.element_bytes();
  auto* to = static_cast<uint8_t*>(out);
  for_each_run(spec, first_row, row_count, [&](int64_t stored_row, int64_t count) {
    from.stored.read_bits(stored_row, count, to);
    to += count * size;
  });
}

Matrix Checkpoint::matrix_of(const Located& from) const {
  return whole_.get(from.spec->stored, [&] {
    return from.packed ? read_packed(*from.packed, config_.integers) : read_turned(from.stored);
  });
}

void Checkpoint::read_rows(const std::string& name, int64_t first_row, int64_t row_count, float* out) const {
  const Located& from = located(name);
  const TensorSpec& spec = *from.spec;
  const int64_t size = spec.shape.size() == 1 ? 1 : spec.shape.back();
  if (from.is_whole()) {
    const Matrix matrix = matrix_of(from);
    for (int64_t row = first_row; row < first_row + row_count; ++row, out += size)
      std::copy_n(matrix->data() + spec.stored_row(row) * size, size, out);
    return;
  }
  float* to = out;
  for_each_run(spec, first_row, row_count, [&](int64_t stored_row, int64_t count) {
    from.stored.read_rows(stored_row, count, to);
    to += count * size;
  });
  if (spec.plus != 0) std::transform(out, to, out, [plus = spec.plus](float x) { return x + plus; });
}

bool Checkpoint::holds(const std::string& name, Dtype dtype) const {
  const Located& from = located(name);
  if (from.is_whole() || from.spec->plus != 0) return false;
  const std::string& kept = from.stored.entry->dtype;
  return (dtype == Dtype::kFloat32 && kept == "F32") || (dtype == Dtype::kBfloat16 && kept == "BF16");
}

std::vector<float> Checkpoint::read(const std::string& name) const {
  const std::vector<int64_t>& size = shape(name);
  int64_t count = 1;
  for (const int64_t s : size) count *= s;
  std::vector<float> values(static_cast<size_t>(count));
  read_rows(name, 0, size.front(), values.data());
  return values;
}

}  // namespace specula
