// config.json of a model, and the tensors that it asks for.  Licence: Apache-2.0.
#include "framework/model/checkpoint/llama_config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  fuzz::errors_may_pass([&] {
    const LlamaConfig config = parse_llama_config({reinterpret_cast<const char*>(data), size}, "config.json");
    expected_tensors(config);
    rope_frequencies(config);
  });
  return 0;
}
