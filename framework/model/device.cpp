#include "framework/model/device.h"

#include <ATen/detail/CUDAHooksInterface.h>

#include <charconv>
#include <string_view>

#include "framework/core/error.h"

namespace specula {
namespace {

// The number of "cuda" (0) or "cuda:N"; -1 for anything else.
int gpu_number(const std::string& device) {
  constexpr std::string_view kPrefix = "cuda:";
  if (device == "cuda") return 0;
  if (!device.starts_with(kPrefix)) return -1;
  int number = -1;
  const char *first = device.data() + kPrefix.size(), *last = device.data() + device.size();
  const auto [end, error] = std::from_chars(first, last, number);
  return error == std::errc() && end == last ? number : -1;
}

}  // namespace

void check_device(const std::string& device, const std::string& place) {
  if (device == "cpu" || device == "aten") return;
  const int number = gpu_number(device);
  if (number < 0) {
    throw ConfigError(
        cat(place, ": unknown device '", device, "'", suggestion(device, {"cpu", "aten", "cuda", "cuda:N"})));
  }
  // The hooks are registered by libtorch_cuda alone, so their absence means that it is not part of the process.
  if (!at::CUDAHooksRegistry()->Has("CUDAHooks")) {
    throw ConfigError(
        cat(place, ": device '", device, "' needs a CUDA build of LibTorch, and this program has the CPU ", "build ",
            SPECULA_TORCH_VERSION, "; configure with -DSPECULA_CUDA=ON -DSPECULA_TORCH=DIR, or ", "take cpu or aten"));
  }
  const int count = at::detail::getCUDAHooks().getNumGPUs();
  if (count == 0) {
    throw ConfigError(cat(place, ": device '", device, "' needs a GPU, and CUDA finds none on this machine; see what ",
                          "nvidia-smi and CUDA_VISIBLE_DEVICES say, or take cpu or aten"));
  }
  if (number >= count) {
    throw ConfigError(cat(place, ": device '", device, "': this machine has ", count, count == 1 ? " GPU" : " GPUs",
                          "; valid: cuda:0", count == 1 ? "" : cat("..cuda:", count - 1)));
  }
}

void check_device_dtype(const std::string& device, Dtype dtype, const std::string& place) {
  if (device == "cpu" || !is_quantized(dtype)) return;
  throw ConfigError(cat(place, ": dtype '", name_of(dtype), "' is computed on device 'cpu' only; valid on '", device,
                        "': fp32, bf16"));
}

}  // namespace specula
