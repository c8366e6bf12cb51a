// config.json of a model, and the tensors that it asks for.  Licence: Apache-2.0.
#include "framework/model/architecture/decoder_config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  fuzz::errors_may_pass([&] {
    const DecoderConfig config = parse_decoder_config({reinterpret_cast<const char*>(data), size}, "config.json");
    expected_tensors(config);
    name_prefixes(config);
    for (int64_t layer = 0; layer < config.layers; ++layer) {
      config.rope_of(layer);
      config.scale_of(layer);
    }
  });
  return 0;
}
