// tokenizer.json: added tokens are found, what lies between them is normalized, cut into words and given to the model,
// and the post-processor's ids are put around it, as Hugging Face's `tokenizers` does it.  The sections truncation and
// padding are not applied.  Licence: Apache-2.0.
#pragma once

#include <memory>

#include "framework/text/tokenizer.h"
#include "framework/text/tokenizers/folder.h"

namespace specula {

// Of a folder with tokenizer.json or an older vocabulary.  Throws Error that names the file and what is wrong there.
std::unique_ptr<Tokenizer> load_json_tokenizer(const TokenizerFiles& files);

}  // namespace specula
