// A file of torch.save: its zip directory, its pickle, and every byte that they promise.  Licence: Apache-2.0.
#include "framework/model/checkpoint/torch_file.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  static const fuzz::MemoryFile kFile;
  kFile.put(data, size);
  fuzz::errors_may_pass([] {
    const TorchFile file(kFile.path());
    for (const TensorEntry& entry : file.entries()) {
      std::vector<uint8_t> bytes(entry.end - entry.begin);
      file.read(entry, 0, bytes);
    }
  });
  return 0;
}
