// A tokenizer.json; if it loads, texts must become ids and ids texts.  Licence: Apache-2.0.
#include "tests/fuzz/use_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const specula::fuzz::MemoryFolder kFolder{"tokenizer.json"};
  kFolder.put(data, size);
  specula::fuzz::use_tokenizer(kFolder.path());
  return 0;
}
