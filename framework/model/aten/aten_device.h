// LibTorch's side of a device: its name, and memory on it.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/core/tensor.h"

namespace specula {

// "aten" is LibTorch's cpu, "cuda" its cuda:0.  `device` has passed check_device().
at::Device torch_device(const std::string& device);

// Uninitialised.  Throws Error "<what> on <device>: <LibTorch's reason>" when there is no room; `what` ends in how much
// is needed in all.
Tensor allocate(const std::vector<int64_t>& sizes, at::ScalarType dtype, at::Device device, const std::string& what);

}  // namespace specula
