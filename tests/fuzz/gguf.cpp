// A GGUF file: what it holds, each tensor, and the model that is made of it.  Licence: Apache-2.0.
#include "framework/convert/gguf.h"

#include "framework/convert/gguf_model.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  static const fuzz::MemoryFile kFile;
  kFile.put(data, size);
  fuzz::errors_may_pass([] {
    const GgufFile file(kFile.path());
    for (const GgufTensor& tensor : file.tensors()) {
      std::vector<float> values(static_cast<size_t>(tensor.rows() * tensor.row_size()));
      file.read_rows(tensor, 0, tensor.rows(), values.data());
    }
    const ConvertedModel model = convert_gguf(file, WrittenDtype::kAsStored);
    for (const Weight& weight : model.weights) {
      std::vector<float> values(static_cast<size_t>(weight.rows() * weight.row_size()));
      weight.read(0, weight.rows(), values.data());
    }
  });
  return 0;
}
