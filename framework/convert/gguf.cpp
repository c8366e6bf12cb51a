#include "framework/convert/gguf.h"

#include "framework/convert/gguf_reader.h"
#include "framework/core/error.h"

namespace specula {

int64_t GgufTensor::rows() const {
  int64_t product = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) product *= shape[i];
  return product;
}

std::string kind_of(const GgufValue& value) {
  constexpr const char* kNames[] = {"a boolean",          "an integer",        "a number",        "a text",
                                    "a list of integers", "a list of numbers", "a list of texts", "a list of lists"};
  return kNames[value.index()];
}

GgufFile::GgufFile(const std::filesystem::path& path) : path_(path.string()), file_(path) {
  GgufReader(path_, file_).read(values_, tensors_);
}

void GgufFile::fail(const std::string& what) const { throw Error(cat(path_, ": ", what)); }

template <class T>
const T& GgufFile::typed(const std::string& key, const char* expected) const {
  const auto found = values_.find(key);
  if (found == values_.end()) fail(cat("metadata '", key, "' is missing; expected ", expected));
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) fail(cat("metadata '", key, "' is ", kind_of(found->second), "; expected ", expected));
  return *value;
}

int64_t GgufFile::integer(const std::string& key, int64_t low, int64_t high) const {
  const auto value = typed<int64_t>(key, "an integer");
  if (value < low || value > high) fail(cat("metadata '", key, "' is ", value, "; valid: ", low, "..", high));
  return value;
}

int64_t GgufFile::integer_or(const std::string& key, int64_t fallback, int64_t low, int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}

double GgufFile::number(const std::string& key, double low, double high) const {
  const auto value = typed<double>(key, "a number");
  if (!(value >= low && value <= high)) fail(cat("metadata '", key, "' is ", value, "; valid: ", low, "..", high));
  return value;
}

double GgufFile::number_or(const std::string& key, double fallback, double low, double high) const {
  return has(key) ? number(key, low, high) : fallback;
}

bool GgufFile::flag_or(const std::string& key, bool fallback) const {
  return has(key) ? typed<bool>(key, "a boolean") : fallback;
}

const std::string& GgufFile::text(const std::string& key) const { return typed<std::string>(key, "a text"); }

const std::vector<std::string>& GgufFile::texts(const std::string& key) const {
  return typed<std::vector<std::string>>(key, "a list of texts");
}

const std::vector<int64_t>& GgufFile::integers(const std::string& key) const {
  return typed<std::vector<int64_t>>(key, "a list of integers");
}

const std::vector<double>& GgufFile::numbers(const std::string& key) const {
  return typed<std::vector<double>>(key, "a list of numbers");
}

void GgufFile::read_rows(const GgufTensor& tensor, int64_t first, int64_t count, float* out) const {
  SPECULA_CHECK(first >= 0 && count >= 0 && first + count <= tensor.rows(), tensor.name, " has ", tensor.rows(),
                " rows, asked ", first, " + ", count);
  const BlockFormat& format = *tensor.format;
  const int64_t blocks = tensor.row_size() / format.values;
  std::vector<uint8_t> bytes(static_cast<size_t>(count * blocks * format.bytes));
  file_.read(tensor.begin + static_cast<uint64_t>(first * blocks * format.bytes), bytes);
  for (int64_t i = 0; i < count * blocks; ++i) format.decode(bytes.data() + i * format.bytes, out + i * format.values);
}

}  // namespace specula
