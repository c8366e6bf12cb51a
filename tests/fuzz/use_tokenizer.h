// What is asked of a tokenizer that could be loaded: texts to ids and ids to texts, in every way.  Licence: Apache-2.0.
#pragma once

#include "framework/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

namespace specula::fuzz {

inline void use_tokenizer(const std::filesystem::path& folder) {
  errors_may_pass([&] {
    const auto tokenizer = load_tokenizer(folder);
    std::vector<Token> ids = tokenizer->encode("Once upon \xE6\x97\xA5 <s>\xFF 12", Tokenizer::Special::kWritten);
    for (Token id = 0; id < tokenizer->vocab() && id < 500; ++id) ids.push_back(id);
    for (const Token id : ids) tokenizer->piece_bytes(id);
    tokenizer->decode(ids);
  });
}

}  // namespace specula::fuzz
