#include "framework/convert/gguf_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <set>

#include "framework/core/error.h"

namespace specula {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are taken from the file as they are");

constexpr size_t kWindow = size_t{1} << 20;
constexpr size_t kMostHeadBytes = size_t{512} << 20;  // tokens, scores and merges of a large vocabulary take 20 MB
constexpr size_t kMostTextBytes = size_t{16} << 20, kMostKeyBytes = 65535, kMostNameBytes = 1024;
constexpr int kMostNesting = 4;
constexpr int kMostDimensions = 4;
constexpr uint64_t kDefaultAlignment = 32, kMostAlignment = uint64_t{1} << 20;

// Types of metadata values, as files number them.
enum Kind : uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kText, kArray, kU64, kI64, kF64, kKinds };
constexpr std::array<size_t, kKinds> kKindBytes = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};  // at least

// A name in an error text: what cannot be printed is left out.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, 100)) out += c >= ' ' && c != 127 ? c : '?';
  return text.size() > 100 ? out + "..." : out;
}

}  // namespace

void GgufReader::fail(const std::string& what) const { throw Error(cat(path_, ": ", what)); }

void GgufReader::take(void* out, size_t size, const std::string& what) {
  if (size > file_.size() - at_) {
    fail(cat(what, " takes ", size, " bytes from byte ", at_, " on, but the file has ", file_.size(),
             " bytes (truncated, or damaged)"));
  }
  if (size > kMostHeadBytes - at_) {
    fail(cat(what, " lies beyond the first ", kMostHeadBytes, " bytes, the most that metadata may take"));
  }
  auto* bytes = static_cast<uint8_t*>(out);
  while (size > 0) {
    if (at_ < window_begin_ || at_ >= window_begin_ + window_.size()) {
      window_begin_ = at_;
      window_.resize(std::min(kWindow, file_.size() - at_));
      file_.read(window_begin_, window_);
    }
    const size_t offset = at_ - window_begin_, part = std::min(size, window_.size() - offset);
    std::memcpy(bytes, window_.data() + offset, part);
    bytes += part;
    at_ += part;
    size -= part;
  }
}

template <class T>
T GgufReader::number(const std::string& what) {
  T value{};
  take(&value, sizeof value, what);
  return value;
}

std::string GgufReader::text(size_t most, const std::string& what) {
  const auto size = number<uint64_t>(what);
  if (size > most || size > file_.size() - at_) {
    fail(cat(what, " claims ", size, " bytes; at most ", most, " are read and ", file_.size() - at_, " are left"));
  }
  std::string out(size, '\0');
  take(out.data(), size, what);
  return out;
}

// A number of things that take at least `least_bytes` each.
size_t GgufReader::count(size_t least_bytes, const std::string& what) {
  const auto claimed = number<uint64_t>(what);
  if (claimed > (file_.size() - at_) / least_bytes) {
    fail(cat(what, " is ", claimed, ", but ", file_.size() - at_, " bytes are left for at least ", least_bytes,
             " each (truncated, or damaged)"));
  }
  return claimed;
}

void GgufReader::check_version() {
  if (number<uint32_t>("the magic number") != 0x46554747) fail("not a GGUF file: it does not begin with \"GGUF\"");
  const auto version = number<uint32_t>("the version");
  if (version == 2 || version == 3) return;
  const bool swapped = (version & 0xffff) == 0 && version != 0;
  fail(cat("GGUF version ", swapped ? version >> 24 : version, swapped ? " in big-endian byte order" : "",
           " cannot be read; valid: 2 and 3, little-endian"));
}

GgufValue GgufReader::value(uint32_t type, const std::string& key) {
  switch (type) {
    case kU8:
      return int64_t{number<uint8_t>(key)};
    case kI8:
      return int64_t{number<int8_t>(key)};
    case kU16:
      return int64_t{number<uint16_t>(key)};
    case kI16:
      return int64_t{number<int16_t>(key)};
    case kU32:
      return int64_t{number<uint32_t>(key)};
    case kI32:
      return int64_t{number<int32_t>(key)};
    case kI64:
      return number<int64_t>(key);
    case kF32:
      return double{number<float>(key)};
    case kF64:
      return number<double>(key);
    case kText:
      return text(kMostTextBytes, key);
    case kArray:
      return array(key, 1);
    case kU64: {
      const auto wide = number<uint64_t>(key);
      if (wide > uint64_t{std::numeric_limits<int64_t>::max()}) return static_cast<double>(wide);
      return static_cast<int64_t>(wide);
    }
    case kBool: {
      const auto byte = number<uint8_t>(key);
      if (byte > 1) fail(cat(key, ": a boolean is ", int{byte}, "; valid: 0 and 1"));
      return byte == 1;
    }
    default:
      fail(cat(key, " has type ", type, "; valid: 0..", int{kKinds} - 1));
  }
}

GgufValue GgufReader::items(uint32_t type, size_t size, const std::string& key) {
  if (type == kText) {
    std::vector<std::string> out;
    for (size_t i = 0; i < size; ++i) out.push_back(text(kMostTextBytes, key));
    return out;
  }
  if (type == kF32 || type == kF64) {
    std::vector<double> out;
    for (size_t i = 0; i < size; ++i) out.push_back(std::get<double>(value(type, key)));
    return out;
  }
  std::vector<int64_t> out;
  for (size_t i = 0; i < size; ++i) {
    const GgufValue item = value(type, key);
    if (const auto* truth = std::get_if<bool>(&item)) out.push_back(*truth ? 1 : 0);
    if (const auto* integer = std::get_if<int64_t>(&item)) out.push_back(*integer);
    if (std::holds_alternative<double>(item)) fail(cat(key, ": an item exceeds 63 bits"));
  }
  return out;
}

GgufValue GgufReader::array(const std::string& key, int depth) {
  if (depth > kMostNesting) fail(cat(key, ": arrays are nested more than ", kMostNesting, " deep"));
  const auto type = number<uint32_t>(key);
  if (type >= kKinds) fail(cat(key, ": the items of an array have type ", type, "; valid: 0..", int{kKinds} - 1));
  const size_t size = count(kKindBytes[type], cat(key, ": the length of an array"));
  if (type != kArray) return items(type, size, key);
  for (size_t i = 0; i < size; ++i) array(key, depth + 1);
  return GgufNested{};
}

GgufTensor GgufReader::tensor(size_t index) {
  GgufTensor tensor;
  const std::string which = cat("the entry of tensor ", index);
  tensor.name = text(kMostNameBytes, which);
  const std::string place = cat("tensor '", printable(tensor.name), "'");
  const auto dimensions = number<uint32_t>(place);
  if (dimensions < 1 || dimensions > kMostDimensions)
    fail(cat(place, " has ", dimensions, " dimensions; valid: 1..", kMostDimensions));
  uint64_t values = 1;
  for (uint32_t i = 0; i < dimensions; ++i) {
    const auto size = number<uint64_t>(place);
    if (size < 1 || size > (uint64_t{1} << 48) || __builtin_mul_overflow(values, size, &values) ||
        values > (uint64_t{1} << 48)) {
      fail(cat(place, ": dimension ", i, " is ", size, ", which fits no file"));
    }
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
  }
  tensor.format = &block_format(number<uint32_t>(place), cat(path_, ": ", place));
  if (tensor.row_size() % tensor.format->values != 0) {
    fail(cat(place, ": rows of ", tensor.row_size(), " values are no whole blocks of ", tensor.format->values, " (",
             tensor.format->name, ")"));
  }
  tensor.begin = number<uint64_t>(place);
  tensor.end = values / static_cast<uint64_t>(tensor.format->values) * static_cast<uint64_t>(tensor.format->bytes);
  return tensor;  // begin: from the start of the data; end: its size, until place() knows where the data starts
}

uint64_t GgufReader::alignment(const std::map<std::string, GgufValue>& values) const {
  const auto found = values.find("general.alignment");
  if (found == values.end()) return kDefaultAlignment;
  const auto* given = std::get_if<int64_t>(&found->second);
  if (given == nullptr || *given < 1 || *given > int64_t{kMostAlignment} ||
      !std::has_single_bit(static_cast<uint64_t>(*given))) {
    fail(cat("general.alignment is ", given == nullptr ? kind_of(found->second) : cat(*given),
             "; valid: a power of two up to ", kMostAlignment));
  }
  return static_cast<uint64_t>(*given);
}

void GgufReader::place(std::vector<GgufTensor>& tensors, const std::map<std::string, GgufValue>& values) const {
  const uint64_t step = alignment(values), data = (at_ + step - 1) / step * step;
  for (GgufTensor& tensor : tensors) {
    const uint64_t offset = tensor.begin, bytes = tensor.end;
    const std::string place = cat("tensor '", printable(tensor.name), "'");
    if (offset % step != 0) fail(cat(place, " starts at data byte ", offset, ", which is no multiple of ", step));
    if (data > file_.size() || offset > file_.size() - data || bytes > file_.size() - data - offset) {
      fail(cat(place, " takes ", bytes, " bytes from data byte ", offset, " on, but the file has ",
               data > file_.size() ? 0 : file_.size() - data, " bytes of data (truncated, or damaged)"));
    }
    tensor.begin = data + offset;
    tensor.end = tensor.begin + bytes;
  }
}

void GgufReader::check_overlaps(const std::vector<GgufTensor>& tensors) const {
  std::vector<const GgufTensor*> order;
  for (const GgufTensor& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->begin < b->begin; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i]->begin >= order[i - 1]->end) continue;
    fail(cat("tensor '", printable(order[i]->name), "' starts at byte ", order[i]->begin, ", inside tensor '",
             printable(order[i - 1]->name), "', which ends at ", order[i - 1]->end));
  }
}

void GgufReader::read(std::map<std::string, GgufValue>& values, std::vector<GgufTensor>& tensors) {
  check_version();
  constexpr size_t kLeastTensor = 8 + 4 + 8 + 4 + 8, kLeastValue = 8 + 4 + 1;
  const size_t num_tensors = count(kLeastTensor, "the number of tensors");
  const size_t num_values = count(kLeastValue, "the number of metadata values");
  for (size_t i = 0; i < num_values; ++i) {
    const std::string key = text(kMostKeyBytes, cat("the key of metadata value ", i));
    const std::string shown = cat("metadata '", printable(key), "'");
    const auto type = number<uint32_t>(shown);
    if (!values.emplace(key, value(type, shown)).second) fail(cat(shown, " occurs twice"));
  }
  std::set<std::string> names;
  for (size_t i = 0; i < num_tensors; ++i) {
    tensors.push_back(tensor(i));
    if (!names.insert(tensors.back().name).second)
      fail(cat("tensor '", printable(tensors.back().name), "' occurs twice"));
  }
  place(tensors, values);
  check_overlaps(tensors);
}

}  // namespace specula
