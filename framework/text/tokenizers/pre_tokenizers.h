// How a text is cut into the pieces that a model sees one by one: the pre-tokenizers of tokenizer.json.  Licence:
// Apache-2.0.
#pragma once

#include <memory>

#include "framework/text/tokenizers/pretokens.h"
#include "framework/text/tokenizers/section.h"

namespace specula {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pretokens& tokens) const = 0;
};

// Throws Error for an unknown type or wrong options.
std::unique_ptr<PreTokenizer> read_pre_tokenizer(const Section& section);

// When the replacement of a space is put before a piece: "always", "first" (of the input) or "never"; the oldest files
// say add_prefix_space.
enum class Prepend { kAlways, kFirst, kNever };
Prepend read_prepend(const Section& section);

}  // namespace specula
