// The settings beside a tokenizer, and the tokens that end a text.  Licence: Apache-2.0.
#include "framework/text/tokenizer_config.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  static const fuzz::MemoryFolder kFolder{"tokenizer_config.json", "added_tokens.json", "generation_config.json"};
  kFolder.put(data, size);
  fuzz::errors_may_pass([] { read_stop_tokens(kFolder.path(), 100, 2); });
  fuzz::errors_may_pass([] { read_tokenizer_config(kFolder.path()); });
  return 0;
}
