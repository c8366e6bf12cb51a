// A file of prompts, in either layout.  Licence: Apache-2.0.
#include "framework/text/prompts.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  static const fuzz::MemoryFile kFile;
  kFile.put(data, size);
  fuzz::errors_may_pass([] {
    const std::vector<Prompt> prompts = load_prompts(kFile.path());
    stratified(prompts, 3);
  });
  return 0;
}
