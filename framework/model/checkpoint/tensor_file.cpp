#include "framework/model/checkpoint/tensor_file.h"

#include "framework/core/error.h"
#include "framework/model/checkpoint/safetensors.h"
#include "framework/model/checkpoint/torch_file.h"

namespace specula {

int64_t TensorEntry::elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += cat(i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

void TensorFile::read(const TensorEntry& entry, size_t offset, std::span<uint8_t> out) const {
  SPECULA_CHECK(offset + out.size() <= entry.end - entry.begin, entry.name, ": ", out.size(), " bytes from ", offset,
                " of ", entry.end - entry.begin);
  file_.read(entry.begin + offset, out);
}

std::unique_ptr<TensorFile> open_tensor_file(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  if (ending == ".safetensors") return std::make_unique<SafetensorsFile>(path);
  if (ending == ".bin" || ending == ".pt" || ending == ".pth") return std::make_unique<TorchFile>(path);
  throw Error(cat(path.string(), ": unknown kind of tensor file; valid: *.safetensors, *.bin, *.pt, *.pth"));
}

}  // namespace specula
