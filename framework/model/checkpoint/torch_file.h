// Reader of what torch.save writes since PyTorch 1.6: a zip archive of one pickle and the bytes of its tensors.  A
// pickle is a program that a Python would run; this one is read by an interpreter that knows dictionaries, numbers and
// the few names that rebuild a tensor.  Any other name is refused, and nothing is ever called or executed.  Every size
// is bounded before memory is taken for it.  Formats: PKWARE APPNOTE 6.3 (zip), CPython's Lib/pickletools.py (opcodes).
// Licence: Apache-2.0.
#pragma once

#include "framework/model/checkpoint/tensor_file.h"

namespace specula {

class TorchFile final : public TensorFile {
 public:
  // Tensors of nested dictionaries are named "outer.inner".  Throws Error for what is no such archive, for a name or an
  // opcode that is not known (it says which), for tensors that are not contiguous or lie outside their storage.
  explicit TorchFile(const std::filesystem::path& path);
};

}  // namespace specula
