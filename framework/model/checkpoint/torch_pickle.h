// The pickle within a file of torch.save, read by an interpreter that can only build dictionaries of tensors.
// Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace specula {

// A tensor as the pickle describes it: elements of a storage, which is a member of the archive.
struct PickledTensor {
  std::string name;     // keys on the way to it, joined by dots
  std::string storage;  // key of the storage: the member "<archive>/data/<key>"
  std::string dtype;    // as safetensors spells it
  int64_t storage_elements = 0;
  int64_t offset = 0;  // elements
  std::vector<int64_t> shape, stride;
};

// Throws Error naming `place` for an opcode, a name or a structure that is not known.  Keys are strings; values of
// other kinds than tensors and dictionaries (numbers, texts) are passed over.
std::vector<PickledTensor> read_torch_pickle(const std::string& bytes, const std::string& place);

}  // namespace specula
