// The precompiled header: what nearly every LibTorch file of the project reads.  Nothing costly may join it.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>
