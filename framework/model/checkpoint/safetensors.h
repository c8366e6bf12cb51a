// Reader of safetensors files.  Nothing a header claims is used before it was checked against the file:
// length, dtype, shape, offsets, overlap, gaps.  An error is one line that names file, tensor, what was given and what
// was expected. Format: https://github.com/huggingface/safetensors#format.  Licence: Apache-2.0.
#pragma once

#include "framework/model/checkpoint/tensor_file.h"

namespace specula {

class SafetensorsFile final : public TensorFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);  // throws Error
};

}  // namespace specula
