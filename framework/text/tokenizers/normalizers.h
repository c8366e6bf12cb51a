// What is done to a text before it is cut into words: the normalizers of tokenizer.json.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>

#include "framework/text/tokenizers/section.h"

namespace specula {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(std::string& text) const = 0;  // well-formed UTF-8 before and after
};

// Throws Error for an unknown type or wrong options.
std::unique_ptr<Normalizer> read_normalizer(const Section& section);

// The table of SentencePiece's rules (charsmap.h), in base64.
std::unique_ptr<Normalizer> make_precompiled(const std::string& charsmap, const Section& section);

}  // namespace specula
