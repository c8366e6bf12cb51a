// The number formats that GGUF files keep tensors in: how many bytes a block of values takes, and its values as
// float32.  Values are computed with one rounding an operation, in the order in which the formats are defined, so that
// they are those of any other reader.  Formats: ggml's quantization types, https://github.com/ggml-org/ggml.
// Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace specula {

struct BlockFormat {
  uint32_t id;  // as files store it
  const char* name;
  int64_t values, bytes;                             // of a block
  void (*decode)(const uint8_t* block, float* out);  // one block
};

// Throws Error for an id that cannot be read; `place` names the tensor.
const BlockFormat& block_format(uint32_t id, const std::string& place);
std::span<const BlockFormat> block_formats();  // all that can be read
const BlockFormat& float32_format();

}  // namespace specula
