// A checkpoint of llama2.c and the model that is made of it; the same bytes as its vocabulary.  Licence: Apache-2.0.
#include "framework/convert/llama2c.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  static const fuzz::MemoryFile kFile;
  kFile.put(data, size);
  fuzz::errors_may_pass([] { llama2c_tokenizer_model(kFile.path(), 5); });
  fuzz::errors_may_pass([] {
    const Llama2cFile file(kFile.path());
    for (const Weight& weight : convert_llama2c(file, {}, WrittenDtype::kAsStored).weights) {
      std::vector<float> values(static_cast<size_t>(weight.rows() * weight.row_size()));
      weight.read(0, weight.rows(), values.data());
    }
  });
  return 0;
}
