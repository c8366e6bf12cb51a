// GGUF files for tests, written piece by piece, right or wrong.  Licence: Apache-2.0.
#pragma once

#include <cstring>
#include <string>
#include <vector>

namespace specula::test {

class GgufBytes {
 public:
  template <class T>
  GgufBytes& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBytes& text(const std::string& value) {
    put(uint64_t{value.size()});
    bytes_ += value;
    return *this;
  }
  GgufBytes& head(uint64_t tensors, uint64_t values, uint32_t version = 3) {
    bytes_ += "GGUF";
    return put(version).put(tensors).put(values);
  }
  GgufBytes& key(const std::string& name, uint32_t type) { return text(name).put(type); }
  GgufBytes& integer(const std::string& name, uint32_t value) { return key(name, 4).put(value); }
  GgufBytes& number(const std::string& name, float value) { return key(name, 6).put(value); }
  GgufBytes& flag(const std::string& name, bool value) { return key(name, 7).put(static_cast<uint8_t>(value)); }
  GgufBytes& word(const std::string& name, const std::string& value) { return key(name, 8).text(value); }
  GgufBytes& array(const std::string& name, uint32_t type, uint64_t size) { return key(name, 9).put(type).put(size); }
  GgufBytes& words(const std::string& name, const std::vector<std::string>& values) {
    array(name, 8, values.size());
    for (const std::string& value : values) text(value);
    return *this;
  }
  GgufBytes& integers(const std::string& name, const std::vector<int32_t>& values) {
    array(name, 5, values.size());
    for (const int32_t value : values) put(value);
    return *this;
  }
  GgufBytes& numbers(const std::string& name, const std::vector<float>& values) {
    array(name, 6, values.size());
    for (const float value : values) put(value);
    return *this;
  }
  // Sizes innermost first, as files have them.
  GgufBytes& tensor(const std::string& name, const std::vector<uint64_t>& sizes, uint32_t format, uint64_t offset) {
    text(name).put(static_cast<uint32_t>(sizes.size()));
    for (const uint64_t size : sizes) put(size);
    return put(format).put(offset);
  }
  GgufBytes& data(size_t bytes, size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    bytes_.append(bytes, '\0');
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace specula::test
