// A SentencePiece vocabulary; if it loads, texts must become ids and ids texts.  Licence: Apache-2.0.
#include "framework/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  static const fuzz::MemoryFolder kFolder{"tokenizer.model"};
  kFolder.put(data, size);
  fuzz::errors_may_pass([] {
    const auto tokenizer = load_tokenizer(kFolder.path());
    std::vector<Token> ids = tokenizer->encode("Once upon \xE6\x97\xA5 <s>", Tokenizer::Special::kWritten);
    for (Token id = 0; id < tokenizer->vocab() && id < 500; ++id) ids.push_back(id);
    tokenizer->decode(ids);
    for (const Token id : ids) tokenizer->piece_bytes(id);
  });
  return 0;
}
