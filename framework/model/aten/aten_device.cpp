#include "framework/model/aten/aten_device.h"

#include <ATen/ops/empty.h>

namespace specula {

at::Device torch_device(const std::string& device) {
  if (device == "aten") return at::kCPU;
  return device == "cuda" ? at::Device(at::kCUDA, 0) : at::Device(device);
}

Tensor allocate(const std::vector<int64_t>& sizes, at::ScalarType dtype, at::Device device, const std::string& what) {
  try {
    return at::empty(sizes, at::TensorOptions(dtype).device(device));
  } catch (const c10::Error& error) {
    const std::string reason = error.what_without_backtrace();
    throw Error(cat(what, " on ", device.str(), ": ", reason.substr(0, reason.find('\n'))));
  }
}

}  // namespace specula
