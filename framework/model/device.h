// Where a model is computed.  "cpu" is the project's own engine; every other device computes with LibTorch's operators:
// "aten" on the CPU (slow: a second opinion on the engine), "cuda" and "cuda:N" on a GPU.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "framework/model/dtype.h"

namespace specula {

inline constexpr const char* kDeviceHelp =
    "where models are computed: cpu (own engine, default), aten (LibTorch's operators on the CPU, slow), cuda, cuda:N; "
    "only on cpu is greedy speculative text the baseline's bit for bit";

// Looks at the device and loads nothing.  Throws ConfigError, beginning with `place`, for an unknown device, for a GPU
// that this build or this machine does not have, and for a dtype that the device does not compute.
void check_device(const std::string& device, const std::string& place);
void check_device_dtype(const std::string& device, Dtype dtype, const std::string& place);

}  // namespace specula
