#include "framework/model/checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/error.h"
#include "framework/core/json_depth.h"

namespace specula {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMostHeaderBytes = 100'000'000;  // the cap of the format's own reader
constexpr size_t kLengthBytes = 8;

// Every dtype of the format, so that a file may carry tensors that nobody will read; which can be loaded is decided
// later.
const std::map<std::string, size_t> kElementBytes = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
    {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"F64", 8},     {"I64", 8}, {"U64", 8}};

// Parses the header, refusing keys that occur twice (a JSON reader would silently keep one of them).
Json parse_header(const std::string& path, const std::string& text) {
  std::vector<std::set<std::string>> open;
  std::string twice;
  const auto watch = [&](int /*depth*/, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second) {
      twice = value.get<std::string>();
    }
    return true;
  };
  check_json_depth(text, path);
  Json header;
  try {
    header = Json::parse(text, watch);
  } catch (const Json::exception& error) {
    throw Error(cat(path, ": the safetensors header is not valid JSON: ", error.what()));
  }
  if (!twice.empty()) throw Error(cat(path, ": key '", twice, "' occurs twice in the safetensors header"));
  if (!header.is_object()) throw Error(cat(path, ": the safetensors header is not a JSON object"));
  return header;
}

class EntryReader {
 public:
  EntryReader(const std::string& path, const std::string& name, size_t data_begin, size_t data_size)
      : place_(cat(path, ": tensor '", name, "': ")), name_(name), data_begin_(data_begin), data_size_(data_size) {}

  TensorEntry read(const Json& json) const {
    if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") ||
        !json.contains("data_offsets")) {
      fail(cat("expected exactly dtype, shape and data_offsets, got ", json.dump()));
    }
    TensorEntry entry;
    entry.name = name_;
    const size_t element = read_dtype(json["dtype"], entry);
    const uint64_t bytes = read_shape(json["shape"], element, entry);
    read_offsets(json["data_offsets"], bytes, entry);
    return entry;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error(place_ + what); }

  size_t read_dtype(const Json& json, TensorEntry& entry) const {
    const auto known = json.is_string() ? kElementBytes.find(json.get<std::string>()) : kElementBytes.end();
    if (known == kElementBytes.end()) {
      std::vector<std::string> names;
      for (const auto& [dtype, size] : kElementBytes) names.push_back(dtype);
      fail(cat("unknown dtype ", json.dump(), "; valid: ", join(names)));
    }
    entry.dtype = known->first;
    return known->second;
  }

  uint64_t read_shape(const Json& json, size_t element, TensorEntry& entry) const {
    if (!json.is_array() || json.size() > 8) fail(cat("shape ", json.dump(), " is not a list of at most 8 sizes"));
    uint64_t bytes = element;
    for (const Json& size : json) {
      if (!size.is_number_unsigned())
        fail(cat("shape ", json.dump(), " has a size that is not a non-negative integer"));
      const auto value = size.get<uint64_t>();
      if (value > (uint64_t{1} << 48) || __builtin_mul_overflow(bytes, value, &bytes)) {
        fail(cat("shape ", json.dump(), " overflows the size of any file"));
      }
      entry.shape.push_back(static_cast<int64_t>(value));
    }
    return bytes;
  }

  void read_offsets(const Json& json, uint64_t bytes, TensorEntry& entry) const {
    const bool fits =
        json.is_array() && json.size() == 2 && json[0].is_number_unsigned() && json[1].is_number_unsigned();
    if (!fits) fail(cat("data_offsets ", json.dump(), " are not two non-negative integers"));
    const auto begin = json[0].get<uint64_t>(), end = json[1].get<uint64_t>();
    if (begin > end || end > data_size_) {
      fail(cat("data_offsets ", json.dump(), " lie outside the file's data of ", data_size_,
               " bytes (truncated file?)"));
    }
    if (end - begin != bytes) {
      fail(cat("data_offsets ", json.dump(), " span ", end - begin, " bytes, but ", entry.dtype, " ",
               shape_text(entry.shape), " needs ", bytes));
    }
    entry.begin = data_begin_ + begin;
    entry.end = data_begin_ + end;
  }

  std::string place_, name_;
  size_t data_begin_, data_size_;
};

// Sorted by position the tensors must tile the data exactly.
void check_tiling(const std::string& path, const std::vector<TensorEntry>& entries, size_t begin, size_t file_size) {
  size_t expected = begin;
  std::string before = "the header";
  for (const TensorEntry& entry : entries) {
    if (entry.begin != expected) {
      throw Error(cat(path, ": tensor '", entry.name, "' starts at data byte ", entry.begin - begin,
                      entry.begin < expected ? ", inside " : ", but there is a gap after ", before, ", which ends at ",
                      expected - begin));
    }
    expected = entry.end;
    before = cat("tensor '", entry.name, "'");
  }
  if (expected != file_size) {
    throw Error(cat(path, ": ", file_size - expected, " bytes follow ", before, "; expected the file to end there"));
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : TensorFile(path) {
  if (file_.size() < kLengthBytes) {
    throw Error(
        cat(path_, ": ", file_.size(), " bytes are too few for a safetensors file (the header's length takes 8)"));
  }
  std::array<uint8_t, kLengthBytes> bytes{};
  file_.read(0, bytes);
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= uint64_t{bytes[i]} << (8 * i);
  if (length > kMostHeaderBytes || length > file_.size() - kLengthBytes) {
    throw Error(cat(path_, ": the header claims ", length, " bytes; the file holds ", file_.size() - kLengthBytes,
                    " after the length and the cap is ", kMostHeaderBytes, " (truncated, or not a safetensors file)"));
  }
  std::string text(length, '\0');
  file_.read(kLengthBytes, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
  const Json header = parse_header(path_, text);
  const size_t data_begin = kLengthBytes + length;
  for (const auto& [name, json] : header.items()) {
    if (name == "__metadata__") continue;  // free text for people
    entries_.push_back(EntryReader(path_, name, data_begin, file_.size() - data_begin).read(json));
  }
  std::sort(entries_.begin(), entries_.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  check_tiling(path_, entries_, data_begin, file_.size());
}

}  // namespace specula
