// A GGUF file as a Hugging Face model: which of its tensors is which, the order of rotated rows, config.json,
// tokenizer. Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/convert/converted_model.h"
#include "framework/convert/gguf.h"

namespace specula {

std::vector<std::string> gguf_architectures();  // those that can be converted

// Throws Error for what is missing, unexpected or of another shape.  `file` must outlive the result.
ConvertedModel convert_gguf(const GgufFile& file, WrittenDtype dtype);

}  // namespace specula
