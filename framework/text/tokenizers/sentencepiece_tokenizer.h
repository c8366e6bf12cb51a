// A folder's tokenizer.model, read by libsentencepiece.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>

#include "framework/text/tokenizer.h"

namespace specula {

std::unique_ptr<Tokenizer> load_sentencepiece_tokenizer(const std::filesystem::path& folder);  // throws Error

}  // namespace specula
